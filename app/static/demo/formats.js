// A CSV or JSONL file: its rows, and the same rows with their scores.

// What is taken for the text at first, as the service itself does with files.
const TEXT_COLUMNS = ["text", "review", "comment", "content", "body", "message", "sentence"];
const SCORES = ["sentiment", "confidence", "positive"];

/** A file none of whose rows can be scored; the message says why and what is allowed. */
export class Unreadable extends Error {}

/**
 * Return the file's table: its format, its columns, and its rows.
 *
 * A row has its `number` from 1 and its `values` by column, or a `fault`: why it cannot be read.
 */
export async function read(file) {
  const kind = kindOf(file.name);
  const bytes = await file.arrayBuffer();
  let decoded;
  try {
    decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Unreadable(`${file.name} is not in UTF-8; save it as UTF-8 and choose it again.`);
  }
  // Excel takes a file for UTF-8 by its byte order mark, so what had one keeps it.
  const mark = decoded.startsWith("\ufeff") ? "\ufeff" : "";
  const content = decoded.slice(mark.length);
  const found = kind === "jsonl" ? readJsonl(content) : readCsv(content, kind);
  const table = { name: file.name, kind, mark, ...found };
  if (!table.rows.length) throw new Unreadable(`${file.name} has no rows.`);
  if (!table.columns.length) throw new Unreadable(`${file.name} has no rows of named values.`);
  table.rows.forEach((row, index) => Object.assign(row, { number: index + 1 }));
  return table;
}

/** Return the column that is likely to hold the text. */
export function guessColumn({ columns, rows }) {
  const byName = new Map(columns.map((name) => [name.toLowerCase(), name]));
  const usual = TEXT_COLUMNS.find((name) => byName.has(name));
  if (usual) return byName.get(usual);
  const characters = (name) =>
    rows.slice(0, 100).reduce((sum, { values }) => {
      const value = values?.[name];
      return sum + (typeof value === "string" ? value.length : 0);
    }, 0);
  return columns.reduce((best, name) => (characters(name) > characters(best) ? name : best));
}

/** Return the file's name and content, each row with what its `outcome` holds. */
export function write(table) {
  const content = table.kind === "jsonl" ? writeJsonl(table) : writeCsv(table);
  return { name: table.name.replace(/(\.[^.]*)$/, ".scored$1"), content: table.mark + content };
}

function kindOf(name) {
  if (/\.csv$/i.test(name)) return "csv";
  if (/\.tsv$/i.test(name)) return "tsv";
  if (/\.(jsonl|ndjson)$/i.test(name)) return "jsonl";
  throw new Unreadable(`${name}: expected .csv, .tsv, .jsonl or .ndjson.`);
}

function readCsv(content, kind) {
  const delimiter = kind === "tsv" ? "\t" : delimiterOf(content);
  const newline = content.includes("\r\n") ? "\r\n" : "\n";
  const [columns = [], ...records] = recordsOf(content, delimiter);
  if (new Set(columns).size < columns.length) {
    throw new Unreadable("Two columns of the header have the same name.");
  }
  const rows = records.map((fields) => ({ ...csvRow(columns, fields), fields }));
  return { columns, rows, delimiter, newline };
}

/** Return what the header separates its names by: what some programs call CSV has no commas. */
function delimiterOf(content) {
  const header = content.slice(0, content.search(/[\r\n]|$/)).replace(/"[^"]*"/g, "");
  const names = (delimiter) => header.split(delimiter).length;
  return [",", ";", "\t"].reduce((best, each) => (names(each) > names(best) ? each : best));
}

function csvRow(columns, fields) {
  if (fields.length !== columns.length) {
    return { values: {}, fault: `has ${fields.length} fields, the header ${columns.length}` };
  }
  return { values: Object.fromEntries(columns.map((name, i) => [name, fields[i]])) };
}

/** Return the fields of each record; one in quotes may hold delimiters, line ends and `""`. */
function recordsOf(content, delimiter) {
  const stop = new RegExp(`[${delimiter}\r\n]`, "g");
  const records = [];
  let fields = [];
  let begin = 0;
  let at = 0;
  while (at < content.length || fields.length) {
    let value = "";
    if (content[at] === '"') {
      let end = content.indexOf('"', at + 1);
      while (end >= 0 && content[end + 1] === '"') end = content.indexOf('"', end + 2);
      if (end < 0) end = content.length;
      value = content.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
    }
    stop.lastIndex = at;
    const next = stop.exec(content)?.index ?? content.length;
    fields.push(value + content.slice(at, next));
    at = next + 1;
    if (content[next] === delimiter) continue;
    // A line with nothing on it is no row.
    if (next > begin) records.push(fields);
    if (content[next] === "\r" && content[at] === "\n") at += 1;
    fields = [];
    begin = at;
  }
  return records;
}

function readJsonl(content) {
  const rows = content
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => ({ line, ...jsonRow(line) }));
  const columns = new Set(rows.slice(0, 1000).flatMap(({ values }) => Object.keys(values)));
  return { columns: [...columns], rows };
}

function jsonRow(line) {
  try {
    const values = JSON.parse(line);
    if (values !== null && typeof values === "object" && !Array.isArray(values)) {
      return { values };
    }
    return { values: {}, fault: "is not a JSON object" };
  } catch {
    return { values: {}, fault: "is not JSON" };
  }
}

function writeCsv({ columns, rows, delimiter, newline }) {
  const added = rows.some((row) => row.outcome?.error) ? [...SCORES, "error"] : SCORES;
  const kept = columns.flatMap((name, i) => (added.includes(name) ? [] : [i]));
  const quoted = (value) => {
    const text = String(value ?? "");
    return /["\r\n]/.test(text) || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const line = (values) => values.map(quoted).join(delimiter) + newline;
  const lines = rows.map(({ fields, outcome }) => {
    // What a row has too much stays in its last column, so that the scores are in theirs.
    const last = columns.length - 1;
    const fitted = [...fields.slice(0, last), fields.slice(last).join(delimiter)];
    return line([...kept.map((i) => fitted[i]), ...added.map((name) => outcome?.[name])]);
  });
  return line([...kept.map((i) => columns[i]), ...added]) + lines.join("");
}

function writeJsonl({ rows }) {
  return rows.map((row) => `${scoredLine(row)}\n`).join("");
}

function scoredLine({ line, values, outcome }) {
  if (!outcome) return line;
  if (!line.startsWith("{") || !line.endsWith("}")) return JSON.stringify({ row: line, ...outcome });
  const names = Object.keys(values);
  if (names.some((name) => Object.hasOwn(outcome, name))) return JSON.stringify({ ...values, ...outcome });
  // Within the line as it stands: numbers that JavaScript would round stay what they are.
  const comma = names.length ? "," : "";
  return `${line.slice(0, -1)}${comma}${JSON.stringify(outcome).slice(1)}`;
}
