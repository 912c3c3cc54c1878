// What was found in a file: totals, a table in pages that sorts and filters, a histogram.

import { count, get, make, percent } from "./dom.js";
import { histogram } from "./histogram.js";

const PAGE_ROWS = 25;
const FILTERS = {
  All: () => true,
  Positive: ({ outcome }) => outcome?.sentiment === "Positive",
  Negative: ({ outcome }) => outcome?.sentiment === "Negative",
  Errors: ({ outcome }) => Boolean(outcome?.error),
};
// Doubtful or confident says nothing of an error, so errors come last in either order.
const ORDERS = {
  file: null,
  confident: (a, b) => (b.outcome.confidence ?? -1) - (a.outcome.confidence ?? -1),
  doubtful: (a, b) => (a.outcome.confidence ?? 2) - (b.outcome.confidence ?? 2),
};

const body = get("rows").querySelector("tbody");
let source = { rows: [], textOf: () => "" };
let page = 0;

/** Show those of the rows that have an outcome; `textOf(row)` is what was scored. */
export function showResults(rows, textOf) {
  source = { rows, textOf };
  page = 0;
  refresh();
}

/** Show what is known of the rows by now. */
export function refresh() {
  const done = source.rows.filter((row) => row.outcome);
  const scored = done.filter((row) => !row.outcome.error);
  get("results").hidden = !done.some((row) => !row.fault);
  for (const [name, matches] of Object.entries(FILTERS)) {
    get(`filter-${name}-count`).textContent = count(done.filter(matches).length);
  }
  showTotals(done, scored);
  histogram(get("histogram"), scored.map((row) => row.outcome.positive));
  // Nobody's place in the table is taken from under them while rows come in, nor is it read out.
  get("page").ariaLive = "off";
  if (!body.contains(document.activeElement)) showPage(done);
}

function showTotals(done, scored) {
  const positive = scored.filter(FILTERS.Positive).length;
  const sum = scored.reduce((total, row) => total + row.outcome.confidence, 0);
  const share = (part) => (scored.length ? percent(part / scored.length) : "–");
  const totals = {
    Scored: count(scored.length),
    Positive: share(positive),
    Negative: share(scored.length - positive),
    "Mean confidence": scored.length ? percent(sum / scored.length) : "–",
    Errors: count(done.length - scored.length),
  };
  const pairs = Object.entries(totals).map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value)),
  );
  get("totals").replaceChildren(...pairs);
}

function showPage(done) {
  const found = matching(done);
  const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
  page = Math.max(0, Math.min(page, pages - 1));
  const rows = found.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS);
  body.replaceChildren(...rows.map(shown));
  if (!rows.length) {
    body.append(make("tr", {}, make("td", { colSpan: 4, className: "none" }, "No rows like that.")));
  }
  get("page").textContent = `Page ${count(page + 1)} of ${count(pages)}, ${count(found.length)} rows`;
  get("previous").disabled = page === 0;
  get("next").disabled = page === pages - 1;
}

function matching(done) {
  const { value: filter } = get("filters").querySelector("input:checked");
  const words = get("search").value.trim().toLowerCase();
  const found = done.filter(
    (row) => FILTERS[filter](row) && (!words || spelled(row).toLowerCase().includes(words)),
  );
  const order = ORDERS[get("order").value];
  return order ? found.sort(order) : found;
}

function spelled(row) {
  if (row.fault) return row.line;
  const text = source.textOf(row);
  return typeof text === "string" ? text : JSON.stringify(text);
}

function shown(row) {
  const { number, outcome } = row;
  const text = spelled(row);
  const look = make("button", { type: "button", className: "look", title: "Look at it as a text" }, text);
  look.addEventListener("click", () => {
    document.dispatchEvent(new CustomEvent("look", { detail: text }));
  });
  const said = outcome.error
    ? [make("td", { colSpan: 2, className: "fault" }, outcome.error)]
    : [
        make("td", { className: `said ${outcome.sentiment.toLowerCase()}` }, outcome.sentiment),
        make("td", { className: "number" }, percent(outcome.confidence)),
      ];
  const cells = [make("td", { className: "number" }, count(number)), make("td", {}, text.trim() ? look : "(blank)")];
  return make("tr", {}, ...cells, ...said);
}

function turn(to) {
  page = to;
  get("page").ariaLive = "polite";
  showPage(source.rows.filter((row) => row.outcome));
}

for (const name of Object.keys(FILTERS)) {
  const radio = make("input", { type: "radio", name: "filter", value: name, checked: name === "All" });
  const number = make("span", { id: `filter-${name}-count`, className: "figures" }, "0");
  get("filters").append(make("label", { className: "chip" }, radio, `${name} `, number));
}
get("filters").addEventListener("change", () => turn(0));
get("order").addEventListener("change", () => turn(0));
get("search").addEventListener("input", () => turn(0));
get("previous").addEventListener("click", () => turn(page - 1));
get("next").addEventListener("click", () => turn(page + 1));
