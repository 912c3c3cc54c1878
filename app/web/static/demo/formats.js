// A CSV or JSONL file: its rows, and the same rows with their scores.

import { Ambiguous, readTable, TEXT_COLUMNS } from "./table.js";

const SCORES = ["sentiment", "confidence", "positive"];

/** A file that cannot be read; the message says why and what is allowed. */
export class Unreadable extends Error {}

/**
 * Return the file's table: its format, its columns, each with its `name` and `key`, and its rows.
 *
 * A row has its `number` from 1, its `line` unchanged and its `values` by key, or a `fault` that says
 * why it cannot be read.
 */
export async function read(file) {
  const kind = kindOf(file.name);
  const bytes = await file.arrayBuffer();
  const decoded = decode(file.name, new Uint8Array(bytes));
  // Excel recognises UTF-8 by the byte order mark, so a file that has one keeps it.
  const mark = decoded.startsWith("\ufeff") ? "\ufeff" : "";
  const content = decoded.slice(mark.length);
  const contents = kind === "jsonl" ? readJsonl(content) : readCsv(content, file.name);
  const table = { name: file.name, kind, mark, ...contents };
  if (!table.rows.length) throw new Unreadable(`${file.name} has no rows.`);
  if (!table.columns.length) throw new Unreadable(`${file.name} has no rows of named values.`);
  table.rows.forEach((row, index) => Object.assign(row, { number: index + 1 }));
  return table;
}

/** Return the key of the column that most likely holds the text. */
export function guessColumn({ columns, rows }) {
  for (const expected of TEXT_COLUMNS) {
    const matches = columns.filter(({ name }) => name.trim().toLowerCase() === expected);
    if (matches.length) return (matches.find(({ name }) => name === expected) ?? matches[0]).key;
  }
  const characters = ({ key }) =>
    rows.slice(0, 100).reduce((sum, { values }) => {
      const value = values?.[key];
      return sum + (typeof value === "string" ? value.length : 0);
    }, 0);
  const longest = (best, each) => (characters(each) > characters(best) ? each : best);
  return columns.reduce(longest).key;
}

/** Return the name and the content of the scored file: each row with its `outcome`. */
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

/** Return the text of a file in UTF-8, or in UTF-16 if its mark says so. */
function decode(name, bytes) {
  const utf16 = { 0xfffe: "utf-16le", 0xfeff: "utf-16be" }[bytes[0] * 256 + bytes[1]];
  const options = { fatal: true, ignoreBOM: true };
  try {
    return new TextDecoder(utf16 ?? "utf-8", options).decode(bytes);
  } catch {
    throw new Unreadable(`${name} is not in UTF-8; save it as UTF-8 and choose it again.`);
  }
}

function readCsv(content, name) {
  if (content.includes("\0")) throw new Unreadable(`${name} is not text; save it as UTF-8.`);
  try {
    const { columns, records, ...layout } = readTable(content);
    const rows = records.map(({ fields, raw, fault }) => {
      return { fields, line: raw, fault, values: fault ? {} : fields };
    });
    const named = columns.map((name, i) => ({ name: name || `Column ${i + 1}`, key: String(i) }));
    return { columns: named, names: columns, rows, layout };
  } catch (error) {
    if (!(error instanceof Ambiguous)) throw error;
    throw new Unreadable(`${name}: ${error.message}`);
  }
}

function readJsonl(content) {
  const rows = content
    .split(/\r\n|\n|\r/)
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => ({ line, ...jsonRow(line) }));
  const columns = new Set(rows.slice(0, 1000).flatMap(({ values }) => Object.keys(values)));
  return { columns: [...columns].map((name) => ({ name, key: name })), rows };
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

/** Append the scores to each row, which is otherwise unchanged. */
function writeCsv({ names, rows, layout: { delimiter, sep, end, header } }) {
  const keys = rows.some((row) => row.outcome?.error) ? [...SCORES, "error"] : SCORES;
  const added = freeNames(keys, names);
  const quoted = (value) => {
    const text = String(value ?? "");
    return /["\r\n]/.test(text) || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const line = (values) => values.map(quoted).join(delimiter);
  const lines = rows.map(({ fields, line: raw, fault, outcome }) => {
    // A faulty row is fitted into the columns, so that its error is in the right one.
    const last = names.length - 1;
    const fitted = [...fields.slice(0, last), fields.slice(last).join(delimiter)];
    while (fitted.length <= last) fitted.push("");
    const row = fault ? line(fitted) : raw;
    return `${row}${delimiter}${line(keys.map((key) => outcome?.[key]))}${end}`;
  });
  const first = `${header}${delimiter}${line(added)}${end}`;
  return (sep ? sep + end : "") + first + lines.join("");
}

/** Return names for the added columns that none of the existing ones has. */
function freeNames(keys, taken) {
  const folded = new Set([...taken].map((name) => name.trim().toLowerCase()));
  return keys.map((key) => {
    let free = key;
    for (let number = 1; folded.has(free); number += 1) free = `${key}_${number}`;
    return free;
  });
}

function writeJsonl({ rows }) {
  const taken = rows.flatMap(({ values }) => Object.keys(values));
  const keys = [...SCORES, "error"];
  const added = freeNames(keys, new Set(taken));
  const named = (outcome) =>
    Object.fromEntries(keys.flatMap((key, i) => (key in outcome ? [[added[i], outcome[key]]] : [])));
  return rows.map((row) => `${scoredLine(row, row.outcome && named(row.outcome))}\n`).join("");
}

function scoredLine({ line, values, fault }, outcome) {
  if (!outcome) return line;
  if (fault) return JSON.stringify({ row: line, ...outcome });
  // Added to the line itself: parsed and written again, large numbers would be rounded.
  const comma = Object.keys(values).length ? "," : "";
  return `${line.slice(0, -1)}${comma}${JSON.stringify(outcome).slice(1)}`;
}
