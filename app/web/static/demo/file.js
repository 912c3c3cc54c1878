// The second tab: a file is read here, scored in chunks, shown, and handed back with its scores.

import { scoreRows } from "./batches.js";
import { count, get, make } from "./dom.js";
import { guessColumn, read, Unreadable, write } from "./formats.js";
import { onKey } from "./key.js";
import { showProblem, showReason } from "./notice.js";
import { refresh, showResults } from "./results.js";

const REFRESH_SECONDS = 1; // between two looks at the results while they come

const problem = get("file-problem");
const column = get("column");
let table = null;
let running = null; // the AbortController of what is being scored

const textOf = (row) => row.values[column.value] ?? null;

async function choose(file) {
  problem.replaceChildren();
  let found;
  try {
    found = await read(file);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return showReason(problem, error.message);
  }
  running?.abort();
  running = null;
  table = found;
  column.replaceChildren(...table.columns.map(({ key, name }) => make("option", { value: key }, name)));
  column.value = guessColumn(table);
  get("chosen-title").textContent = file.name;
  get("chosen-note").textContent = `${count(table.rows.length)} rows`;
  get("chosen").hidden = false;
  begin();
}

/** Be ready to score the chosen column from the first row. */
function begin() {
  for (const row of table.rows) row.outcome = row.fault ? { error: row.fault } : null;
  const samples = table.rows.filter((row) => !row.fault).slice(0, 3);
  get("preview").replaceChildren(...samples.map((row) => make("li", {}, String(textOf(row)))));
  get("progress").hidden = get("download").hidden = true;
  showResults(table.rows, textOf);
  offer();
}

async function start() {
  const controller = new AbortController();
  running = controller;
  problem.replaceChildren();
  offer();
  const pace = new Pace(table.rows);
  pace.show();
  get("progress").hidden = false;
  try {
    await scoreRows(table.rows, textOf, {
      signal: controller.signal,
      progress: () => pace.show(),
      waiting: (seconds, why) => pace.wait(seconds, why),
    });
    announce(`Done: ${count(table.rows.length)} rows.`);
  } catch (error) {
    if (running !== controller) return;
    announce("Stopped.");
    if (!controller.signal.aborted) showProblem(problem, error);
  }
  if (running !== controller) return;
  running = null;
  pace.end();
  refresh();
  offer();
}

/** Offer what can be done now; who was on a button that goes stands on the one that comes. */
function offer() {
  const left = table.rows.filter((row) => !row.outcome).length;
  const begun = table.rows.some((row) => row.outcome && !row.fault);
  const buttons = [get("cancel"), get("start"), get("download")];
  const stood = buttons.includes(document.activeElement);
  get("start").hidden = Boolean(running) || !left;
  get("start").textContent = `Score ${begun ? "the other " : ""}${count(left)} rows`;
  get("cancel").hidden = !running;
  get("download").hidden = Boolean(running) || !begun;
  column.disabled = Boolean(running);
  if (stood) buttons.find((button) => !button.hidden).focus();
}

/** How far it is, how fast, and for how long still. */
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
    const parts = [`${count(done)} of ${count(this.rows.length)} rows`];
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

  wait(seconds, why) {
    get("pace").textContent = `${why.message} Trying again in ${count(seconds)} s.`;
  }

  end() {
    this.show();
    if (this.done() < this.rows.length) get("pace").textContent += " · stopped";
  }
}

function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function announce(what) {
  get("announcement").textContent = what;
}

function download() {
  const { name, content } = write(table);
  const link = make("a", { href: URL.createObjectURL(new Blob([content])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function chosen() {
  const input = get("file");
  if (input.files[0]) choose(input.files[0]);
  // So that the same file, mended, can be chosen again.
  input.value = "";
}

const drop = get("drop");
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) choose(event.dataTransfer.files[0]);
  });
}
get("file").addEventListener("change", chosen);
column.addEventListener("change", begin);
get("start").addEventListener("click", start);
get("cancel").addEventListener("click", () => running.abort());
get("download").addEventListener("click", download);
onKey(() => problem.replaceChildren());
chosen(); // before this module was there, maybe
