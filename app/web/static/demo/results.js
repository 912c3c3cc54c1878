// The results of a file: totals, a histogram, and a table with pages, filters and orders.

import { count, get, make, percent } from "./dom.js";
import { drawHistogram } from "./histogram.js";
import { isUncertain, UNCERTAIN_BELOW, verdictOf } from "./verdict.js";

const PAGE_ROWS = 25;
const FILTERS = {
  All: () => true,
  Positive: ({ outcome }) => outcome.sentiment === "Positive",
  Neutral: ({ outcome }) => outcome.sentiment === "Neutral",
  Negative: ({ outcome }) => outcome.sentiment === "Negative",
  Uncertain: ({ outcome }) => !outcome.error && isUncertain(outcome),
  Rejected: ({ outcome }) => Boolean(outcome.error),
};
// A rejected row has no confidence, so it comes last in either order.
const ORDERS = {
  file: null,
  least: (a, b) => (a.outcome.confidence ?? 2) - (b.outcome.confidence ?? 2),
  most: (a, b) => (b.outcome.confidence ?? -1) - (a.outcome.confidence ?? -1),
};

const body = get("rows").querySelector("tbody");
const filters = new Map(Object.keys(FILTERS).map((name) => [name, filterOf(name)]));
let source = { rows: [], textOf: () => "", neutral: false };
let page = 0;

/**
 * Show those of the rows that have an outcome; `textOf(row)` is the text that was scored.
 *
 * `neutral`: whether outcomes may be Neutral; they then have a `score`.
 */
export function showResults(rows, textOf, neutral = false) {
  source = { rows, textOf, neutral };
  page = 0;
  offerNeutral(neutral);
  refresh();
}

/** Show the outcomes so far. */
export function refresh() {
  const done = source.rows.filter((row) => row.outcome);
  get("results").hidden = !done.some((row) => !row.fault);
  for (const [name, { number }] of filters) {
    number.textContent = count(done.filter(FILTERS[name]).length);
  }
  showTotals(done);
  const predictions = done.map(({ outcome }) => outcome).filter(({ error }) => !error);
  drawHistogram(get("histogram"), predictions, source.neutral);
  // While rows come in, the table does not change under somebody's focus, nor is it read out.
  get("page").ariaLive = "off";
  if (!body.contains(document.activeElement)) showPage(done);
}

function showTotals(done) {
  const scored = done.filter(({ outcome }) => !outcome.error);
  const share = (name) => {
    return scored.length ? percent(scored.filter(FILTERS[name]).length / scored.length) : "–";
  };
  const mean = () => percent(scored.reduce((sum, row) => sum + row.outcome.confidence, 0) / scored.length);
  const totals = [
    ["Positive", share("Positive")],
    ...(source.neutral ? [["Neutral", share("Neutral")]] : []),
    ["Negative", share("Negative")],
    [`Uncertain (under ${100 * UNCERTAIN_BELOW}%)`, share("Uncertain")],
    ["Mean confidence", scored.length ? mean() : "–"],
    ["Scored rows", count(scored.length)],
    ["Rejected rows", count(done.length - scored.length)],
  ];
  get("totals").replaceChildren(
    ...totals.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
  );
}

function showPage(done) {
  const matches = matching(done);
  const pages = Math.max(1, Math.ceil(matches.length / PAGE_ROWS));
  page = Math.max(0, Math.min(page, pages - 1));
  const rows = matches.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS);
  body.replaceChildren(...rows.map(elementOf));
  if (!rows.length) {
    body.append(make("tr", {}, make("td", { colSpan: 4, className: "none" }, "No matching rows.")));
  }
  get("page").textContent = `Page ${count(page + 1)} of ${count(pages)}, ${count(matches.length)} rows`;
  get("previous").disabled = page === 0;
  get("next").disabled = page === pages - 1;
}

function matching(done) {
  const { value: filter } = get("filters").querySelector("input:checked");
  const query = get("search").value.trim().toLowerCase();
  const matches = done.filter(
    (row) => FILTERS[filter](row) && (!query || contentOf(row).toLowerCase().includes(query)),
  );
  const order = ORDERS[get("order").value];
  return order ? matches.sort(order) : matches;
}

function contentOf(row) {
  if (row.fault) return row.line;
  const text = source.textOf(row);
  return typeof text === "string" ? text : JSON.stringify(text);
}

function elementOf(row) {
  const { number, outcome } = row;
  const cells = [make("td", { className: "number" }, count(number)), make("td", {}, textElement(row))];
  if (outcome.error) {
    cells[1].append(make("p", { className: "fault" }, outcome.error));
    cells.push(make("td", { className: "label rejected" }, "Rejected"), make("td", { className: "number" }, "–"));
  } else {
    const { label, tone } = verdictOf(outcome);
    cells.push(make("td", { className: `label ${tone}` }, label));
    cells.push(make("td", { className: "number" }, percent(outcome.confidence)));
  }
  return make("tr", {}, ...cells);
}

function textElement(row) {
  const text = contentOf(row);
  if (!text.trim()) return "(blank)";
  const properties = { type: "button", className: "open", dir: "auto", title: "Open as a single text" };
  const button = make("button", properties, text);
  button.addEventListener("click", () => {
    document.dispatchEvent(new CustomEvent("open-text", { detail: text }));
  });
  return button;
}

function filterOf(name) {
  const radio = make("input", { type: "radio", name: "filter", value: name, checked: name === "All" });
  const number = make("span", { className: "figures" }, "0");
  return { radio, number, label: make("label", { className: "chip" }, radio, `${name} `, number) };
}

function offerNeutral(offered) {
  const { label, radio } = filters.get("Neutral");
  if (offered) return filters.get("Positive").label.after(label);
  if (radio.checked) filters.get("All").radio.checked = true;
  radio.checked = false;
  label.remove();
}

function turn(to) {
  page = to;
  get("page").ariaLive = "polite";
  showPage(source.rows.filter((row) => row.outcome));
}

get("filters").append(...[...filters.values()].map(({ label }) => label));
offerNeutral(false);
get("filters").addEventListener("change", () => turn(0));
get("order").addEventListener("change", () => turn(0));
get("search").addEventListener("input", () => turn(0));
get("previous").addEventListener("click", () => turn(page - 1));
get("next").addEventListener("click", () => turn(page + 1));
