// What a table of separated values is. The service reads tables by the same rules
// (app/objects/formats); both are held to the cases of tests/objects/tables.json.

export const TEXT_COLUMNS = ["text", "review", "comment", "content", "body", "message", "sentence"];

const DELIMITERS = [",", ";", "\t", "|"];
const SHOWN = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars" };
const SAMPLE_RECORDS = 50;
const SAMPLE_CHARACTERS = 65_536;
const MAX_RECORD_LINES = 10_000;
const RFC = {}; // quotes inside quotes are doubled; in all forms
const BACKSLASH = { backslash: true }; // or have a backslash before them
const SPACES = { spaces: true }; // a quote may stand behind spaces
const ESCAPES = { escapes: true }; // no quotes, but escapes: COPY of PostgreSQL, OUTFILE of MySQL
const QUOTES = [RFC, BACKSLASH, SPACES];
const QUOTINGS = [...QUOTES, ESCAPES];
const NULL = "\\N";
const ESCAPED = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", v: "\v", 0: "" };

/** A table that cannot be told from others; the message says what would tell it. */
export class Ambiguous extends Error {}

/**
 * Return the table: its `delimiter`, its `sep` line, the `end` of its lines, its `columns`, its
 * `header` as it stands, and its records: `line`, `fields`, `raw`, and a `fault` if it is no row.
 */
export function readTable(content) {
  const lines = linesOf(content);
  const end = lines[0]?.end || "\n";
  const { delimiter, sep, quotings } = dialectOf(linesOf(content.slice(0, SAMPLE_CHARACTERS)));
  const [first, ...records] = new Records(sep ? lines.slice(1) : lines, delimiter, quotings).all();
  if (first?.fault) throw new Ambiguous(`The header ${first.fault}.`);
  return { delimiter, sep, end, columns: first?.fields ?? [], header: first?.raw ?? "", records };
}

function linesOf(content) {
  const lines = [];
  const stop = /\r\n|\n|\r/g;
  let at = 0;
  for (let found = stop.exec(content); found; found = stop.exec(content)) {
    lines.push({ number: lines.length + 1, text: content.slice(at, found.index), end: found[0] });
    at = stop.lastIndex;
  }
  if (at < content.length) {
    lines.push({ number: lines.length + 1, text: content.slice(at), end: "" });
  }
  return lines;
}

function dialectOf(lines) {
  const sep = /^"?sep=([^"])"?$/i.exec(lines[0]?.text ?? "");
  if (sep) return { delimiter: sep[1], sep: sep[0], quotings: QUOTINGS };
  const samples = DELIMITERS.map((delimiter) => sampleOf(lines, delimiter));
  const several = samples.filter(({ width }) => width > 1).sort(byRank);
  if (!several.length) return { delimiter: ofOneColumn(samples), sep: "", quotings: QUOTINGS };
  const [best, next] = several;
  if (next && byRank(best, next) === 0) {
    const which = `${SHOWN[best.delimiter]} or ${SHOWN[next.delimiter]}`;
    throw new Ambiguous(`Its fields may be separated by ${which}; save it with one of them alone.`);
  }
  return { delimiter: best.delimiter, sep: "", quotings: quotingsOf(lines, best.delimiter) };
}

/** Return how fields may be quoted: databases escape, others write NULL beside quotes. */
function quotingsOf(lines, delimiter) {
  if (delimiter !== "\t") return QUOTINGS;
  const records = new Records(lines, delimiter).all(SAMPLE_RECORDS);
  const escaped = new Records(lines, delimiter, [ESCAPES]).all(SAMPLE_RECORDS);
  const faults = (found) => found.filter(({ fault }) => fault).length;
  const quoted = records.filter(hasQuotedField).length;
  if (quoted > faults(records) - faults(escaped)) return QUOTES;
  return records.some(({ fields }) => fields.includes(NULL)) ? [ESCAPES, ...QUOTES] : QUOTINGS;
}

const hasQuotedField = ({ raw, fault }) =>
  !fault && raw.split("\t").some((field) => field.length > 1 && /^".*"$/su.test(field));

const byRank = (a, b) => b.named - a.named || b.fitting - a.fitting;

function sampleOf(lines, delimiter) {
  const [first, ...rows] = new Records(lines, delimiter).all(SAMPLE_RECORDS);
  if (!first || first.fault) {
    return { delimiter, width: 0, named: false, fitting: 0, widths: [] };
  }
  return {
    delimiter,
    width: first.fields.length,
    named: first.fields.some((name) => TEXT_COLUMNS.includes(name.trim().toLowerCase())),
    fitting: rows.length ? rows.filter((row) => !row.fault).length / rows.length : 1,
    widths: rows.map((row) => row.fields.length),
  };
}

/** Return a delimiter for a table whose first line has none: the others may hold commas. */
function ofOneColumn(samples) {
  for (const { delimiter, widths } of samples) {
    if (widths.length > 2 && widths[0] > 1 && new Set(widths).size === 1) {
      throw new Ambiguous(
        `Its first line has one field, the others have ${widths[0]}, separated by ${SHOWN[delimiter]}.`,
      );
    }
  }
  if (samples[0].widths.length < 3) return ",";
  return samples.reduce((best, each) => (each.fitting > best.fitting ? each : best)).delimiter;
}

/** The fields of a record, as its lines come. */
class Fields {
  constructor(delimiter, quoting) {
    Object.assign(this, { delimiter, quoting, fields: [], open: null });
  }

  /** Read a line on; return whether the record is complete, or null if it is none. */
  take(text) {
    if (this.quoting.escapes) return this.takeEscaped(text);
    const inside = this.quoting.backslash
      ? /[^"\\]*(?:(?:""|\\.)[^"\\]*)*\\?/suy
      : /[^"]*(?:""[^"]*)*/suy;
    for (let at = 0; ; at += this.delimiter.length) {
      const start = this.quoting.spaces ? behindSpaces(text, at) : at;
      if (this.open === null && text[start] === '"') {
        this.open = [];
        at = start + 1;
      }
      if (this.open === null) {
        const stop = text.indexOf(this.delimiter, at);
        this.fields.push(text.slice(at, stop < 0 ? text.length : stop));
        at = stop < 0 ? text.length : stop;
      } else {
        inside.lastIndex = at;
        const part = inside.exec(text)[0];
        this.open.push(part);
        at += part.length;
        if (at === text.length) return false;
        this.fields.push(this.unquoted());
        at = this.quoting.spaces ? behindSpaces(text, at + 1) : at + 1;
        if (at < text.length && !text.startsWith(this.delimiter, at)) return null;
      }
      if (at === text.length) return true;
    }
  }

  takeEscaped(text) {
    let parts = this.open ?? [];
    this.open = null;
    for (const piece of text.split(this.delimiter)) {
      parts.push(piece);
      if (/\\*$/.exec(piece)[0].length % 2) {
        parts.push(this.delimiter);
        continue;
      }
      const value = parts.join("");
      const unescaped = () => value.replace(/\\(.)/gs, (_, each) => ESCAPED[each] ?? each);
      this.fields.push(value === NULL ? value : unescaped());
      parts = [];
    }
    if (parts.length) this.open = parts.slice(0, -1);
    return !parts.length;
  }

  unquoted() {
    const value = this.open.join("");
    this.open = null;
    if (!this.quoting.backslash) return value.replaceAll('""', '"');
    return value.replace(/\\([\\"\r\n,;\t|])|""/g, (_, escaped) => escaped ?? '"');
  }
}

function behindSpaces(text, at) {
  while (text[at] === " ") at += 1;
  return at;
}

const unclosed = (line) => `has a quote, opened in line ${line}, that is not closed`;
const behind = (line) =>
  `has text behind a closing quote in line ${line}: double the quotes inside quotes`;
const PERHAPS_PART = "follows a quote that is not closed, and may be a part of the row that has it";

/** The records of a table; one that is none comes with its fault, and those behind it are read. */
class Records {
  constructor(lines, delimiter, quotings = QUOTINGS) {
    Object.assign(this, { lines, delimiter, quotings, at: 0, width: 0 });
    Object.assign(this, { begun: false, lost: false });
    this.columns = new Columns();
  }

  all(count = Infinity) {
    const records = [];
    while (this.at < this.lines.length && records.length < count) {
      if (this.lines[this.at].text) records.push(this.record());
      else this.at += 1;
    }
    return records;
  }

  record() {
    const { text, number } = this.lines[this.at];
    let first = null;
    for (const quoting of this.likely(text)) {
      const found = this.read(quoting);
      this.width ||= found.fault ? 0 : found.fields.length;
      if (!found.fault && found.fields.length === this.width) {
        if (!this.swallows(found, quoting)) {
          this.quotings = [quoting, ...this.quotings.filter((each) => each !== quoting)];
          return this.accepted(found);
        }
        found.fault = unclosed;
      }
      first ??= found;
    }
    if (!first.fault) {
      const count = first.fields.length;
      const fault = `has ${count} field${count === 1 ? "" : "s"}, the first line ${this.width}`;
      return this.taken(first.open.length, first.fields, fault);
    }
    this.lost = first.open.length > 1;
    this.columns.learn(first.fields);
    const opened = Math.max(first.open.indexOf(first.open.at(-1)) - 1, 0);
    return this.taken(opened + 1, null, first.fault(number + opened));
  }

  /** Return the quotings under which a record may be read that begins so, best first. */
  likely(text) {
    if (this.quotings[0] === ESCAPES) return this.quotings;
    if (text.endsWith("\\") && this.delimiter === "\t") return this.quotings;
    if (!text.includes('"')) return this.quotings.slice(0, 1);
    return this.quotings.filter((quoting) => quoting !== ESCAPES);
  }

  accepted(found) {
    if (this.lost) {
      const begins = this.lines[this.at].text.startsWith('"');
      if (!(this.width === 1 ? begins : this.columns.know(found.fields))) {
        return this.taken(found.open.length, found.fields, PERHAPS_PART);
      }
      this.lost = false;
    }
    if (this.begun) this.columns.learn(found.fields);
    this.begun = true; // the first is a header, which tells nothing of the rows
    return this.taken(found.open.length, found.fields);
  }

  taken(count, fields, fault = "") {
    const lines = this.lines.slice(this.at, this.at + count);
    const raw = lines.map(({ text, end }, i) => (i < count - 1 ? text + end : text)).join("");
    this.at += count;
    return { line: lines[0].number, fields: fields ?? raw.split(this.delimiter), raw, fault };
  }

  /** Read a record: its fields, and for each line how many were complete as it began. */
  read(quoting) {
    const reading = new Fields(this.delimiter, quoting);
    const open = [];
    for (;;) {
      const line = this.lines[this.at + open.length];
      const { fields } = reading;
      if (!line || open.length === MAX_RECORD_LINES) return { fields, open, fault: unclosed };
      open.push(open.length ? fields.length : -1);
      const complete = reading.take(line.text);
      if (complete) return { fields, open };
      if (complete === null) return { fields, open, fault: open.length > 1 ? unclosed : behind };
      reading.open.push(line.end);
    }
  }

  /** Return whether one of a record's later lines is a row: then a quote was left open. */
  swallows({ fields, open }, quoting) {
    if (this.width === 1 || open.length === 1) return false;
    const own = new Columns();
    own.learn(fields);
    return open.some((complete, place) => {
      if (!place) return false;
      const { text } = this.lines[this.at + place];
      const alone = new Fields(this.delimiter, quoting);
      if (!alone.take(text) || alone.fields.length !== this.width) return false;
      // What stands behind a quote that closes may well be the row's own.
      const known = text.includes('"') ? alone.fields.slice(0, complete) : alone.fields;
      return this.columns.know(known) || own.know(known);
    });
  }
}

const MARKS = 64; // columns that are learnt, and different values of each
const MARK_CHARACTERS = 32;
const ROWS_OF_LABELS = 6;

/** What columns hold, as far as it tells a row from a line of a text: shapes and labels. */
class Columns {
  constructor() {
    this.marks = [];
    this.rows = 0;
  }

  learn(fields) {
    this.rows += 1;
    fields.slice(0, MARKS).forEach((value, i) => {
      this.marks[i] ??= new Set();
      const mark = markOf(value);
      if (mark && this.marks[i].size < MARKS) this.marks[i].add(mark);
    });
  }

  know(fields) {
    return fields.some((value, i) => {
      const mark = markOf(value);
      if (!this.marks[i]?.has(mark) || this.marks[i].size > Math.max(1, this.rows / 3)) return false;
      return mark.includes("9") || this.rows >= ROWS_OF_LABELS;
    });
  }
}

function markOf(value) {
  if (!value || value.length > MARK_CHARACTERS) return "";
  if (!/\p{Nd}/u.test(value)) return value;
  if (value.includes(" ")) return "";
  return value.replace(/\p{Nd}+/gu, "9").replace(/\p{L}+/gu, "a");
}
