// The "File" tab: reads a file, scores it in chunks, shows the results and returns it with scores.

import { scoreRows } from "./batches.js";
import { count, get, make } from "./dom.js";
import { guessColumn, read, Unreadable, write } from "./formats.js";
import { onKey } from "./key.js";
import { showProblem, showUnreadable } from "./notice.js";
import { isNeutralRefused, isOn, onOptions, refuseNeutral } from "./options.js";
import { refresh, showResults } from "./results.js";

const REFRESH_SECONDS = 1; // between two updates of the results while rows are scored

const problem = get("file-problem");
const column = get("column");
let table = null;
let running = null; // the AbortController of the scoring under way

const textOf = (row) => row.values[column.value] ?? null;

async function choose(file) {
  problem.replaceChildren();
  let chosen;
  try {
    chosen = await read(file);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return showUnreadable(problem, error.message);
  }
  running?.abort();
  running = null;
  table = chosen;
  column.replaceChildren(...table.columns.map(({ key, name }) => make("option", { value: key }, name)));
  column.value = guessColumn(table);
  get("chosen-title").textContent = get("scored-title").textContent = file.name;
  const unreadable = table.rows.filter((row) => row.fault).length;
  const note = unreadable ? `, ${count(unreadable)} of them unreadable` : "";
  get("chosen-note").textContent = rowsOf(table.rows.length) + note;
  get("chosen").hidden = false;
  reset();
}

/** Discard all outcomes and offer to score the chosen column. */
function reset() {
  discardOutcomes();
  const samples = table.rows.filter((row) => !row.fault).slice(0, 3);
  get("preview").replaceChildren(
    ...samples.map((row) => make("li", { dir: "auto" }, String(textOf(row)))),
  );
  get("scored").hidden = true;
  unfold(true);
  showResults(table.rows, textOf);
  offer();
}

function discardOutcomes() {
  for (const row of table.rows) row.outcome = row.fault ? { error: row.fault } : null;
}

/** Return whether a row has been scored, or rejected by the service. */
function hasBegun() {
  return table.rows.some((row) => row.outcome && !row.fault);
}

/** Show or hide the set-up. */
function unfold(shown) {
  get("setup").hidden = !shown;
  get("change").setAttribute("aria-expanded", String(shown));
}

async function start() {
  const controller = new AbortController();
  running = controller;
  problem.replaceChildren();
  if (!hasBegun()) {
    // All rows of a file are scored alike: the switch counts when the first is.
    table.neutral = isOn("neutral");
    showResults(table.rows, textOf, table.neutral);
  }
  const pace = new Pace(table.rows);
  pace.show();
  get("scored").hidden = false;
  offer();
  unfold(false);
  window.scrollTo({ top: 0 });
  try {
    await scoreRows(table.rows, textOf, {
      neutral: table.neutral,
      signal: controller.signal,
      progress: () => pace.show(),
      waiting: (seconds, reason) => pace.wait(seconds, reason),
    });
    announce(`Done: ${count(table.rows.length)} rows.`);
  } catch (error) {
    if (running !== controller) return;
    announce("Stopped.");
    if (isNeutralRefused(error)) refuseNeutral(error);
    else if (!controller.signal.aborted) showProblem(problem, error);
  }
  if (running !== controller) return;
  running = null;
  pace.end();
  refresh();
  offer();
}

/** Show the buttons that apply now; keep the focus on one of them if it was on one. */
function offer() {
  const left = table.rows.filter((row) => !row.outcome).length;
  const begun = hasBegun();
  const neutral = isOn("neutral");
  const buttons = ["start", "cancel", "download", "resume", "again", "change"].map(get);
  const focused = buttons.includes(document.activeElement);
  get("start").hidden = !get("scored").hidden || !left;
  get("start").textContent = `Score ${rowsOf(left)}`;
  get("cancel").hidden = !running;
  get("download").hidden = Boolean(running) || !begun;
  get("download").classList.toggle("quiet", left > 0);
  get("resume").hidden = Boolean(running) || !left;
  get("resume").textContent = `Score ${begun ? "the other " : ""}${rowsOf(left)}`;
  get("again").hidden = Boolean(running) || !begun || table.neutral === neutral;
  get("again").textContent = `Score again ${neutral ? "with" : "without"} Neutral`;
  get("change").hidden = Boolean(running);
  get("bar").classList.toggle("done", !left);
  column.disabled = Boolean(running);
  const order = get("scored").hidden ? ["start"] : left ? ["cancel", "resume"] : ["download"];
  if (focused) order.map(get).find((button) => !button.hidden)?.focus();
}

/** How many rows are scored, how fast, and how long the others will take. */
class Pace {
  constructor(rows) {
    this.rows = rows;
    this.started = performance.now();
    this.before = this.done();
    this.refreshed = 0;
  }

  done() {
    return this.rows.filter((row) => row.outcome).length;
  }

  show() {
    const done = this.done();
    const seconds = (performance.now() - this.started) / 1000;
    const rate = (done - this.before) / seconds;
    get("bar").max = this.rows.length;
    get("bar").value = done;
    const parts = [`${count(done)} of ${rowsOf(this.rows.length)}`];
    if (rate > 0) {
      parts.push(`${count(Math.round(rate))} a second`);
      if (done < this.rows.length) parts.push(`${duration((this.rows.length - done) / rate)} left`);
    }
    get("pace").textContent = parts.join(" · ");
    if (done > this.before && seconds - this.refreshed > REFRESH_SECONDS) {
      this.refreshed = seconds;
      refresh();
    }
  }

  wait(seconds, reason) {
    get("pace").textContent = `${reason.message} Trying again in ${count(seconds)} s.`;
  }

  end() {
    this.show();
    if (this.done() < this.rows.length) get("pace").textContent += " · stopped";
  }
}

function rowsOf(number) {
  return `${count(number)} row${number === 1 ? "" : "s"}`;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function announce(message) {
  get("file-status").textContent = message;
}

function download() {
  const { name, content } = write(table);
  const link = make("a", { href: URL.createObjectURL(new Blob([content])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function toggleSetup() {
  unfold(get("setup").hidden);
  if (!get("setup").hidden) get("file").focus();
}

function chooseInput() {
  const input = get("file");
  if (input.files[0]) choose(input.files[0]);
  // Choosing the same file again, once it is corrected, has to be a change too.
  input.value = "";
}

// Anywhere on the page: a browser would open a file that misses the marked area.
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (get("file-panel").hidden) return;
    event.preventDefault();
    get("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) choose(event.dataTransfer.files[0]);
  });
}
get("file").addEventListener("change", chooseInput);
column.addEventListener("change", reset);
get("start").addEventListener("click", start);
get("resume").addEventListener("click", start);
get("again").addEventListener("click", () => {
  discardOutcomes();
  start();
});
get("cancel").addEventListener("click", () => running.abort());
get("download").addEventListener("click", download);
get("change").addEventListener("click", toggleSetup);
onKey(() => problem.replaceChildren());
onOptions(() => {
  if (table) offer();
});
chooseInput(); // a file that was chosen before this module had loaded
