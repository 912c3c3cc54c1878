// The page: its tabs, and what answers. Each tab is a module of its own.

import { ask, Problem } from "./api.js";
import { get } from "./dom.js";
import { showProblem } from "./notice.js";
import "./text.js";

const tabs = [get("text-tab"), get("file-tab")];

function select(tab) {
  for (const each of tabs) {
    const selected = each === tab;
    each.setAttribute("aria-selected", String(selected));
    each.tabIndex = selected ? 0 : -1;
    get(each.getAttribute("aria-controls")).hidden = !selected;
  }
  // Not before it is asked for: most visitors score a text.
  if (tab.id === "file-tab") import("./file.js").catch(notLoaded);
}

function notLoaded() {
  const detail = "This part of the page could not be loaded; reload the page to try again.";
  showProblem(get("file-problem"), new Problem({ title: "No answer", detail }));
}

for (const tab of tabs) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -tabs.length, End: tabs.length };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const at = tabs.indexOf(tab) + steps[event.key];
    const next = tabs[Math.max(0, Math.min(tabs.length - 1, at))];
    select(next);
    next.focus();
  });
}

// A row of a file that somebody wants to look at.
document.addEventListener("look", () => {
  select(tabs[0]);
  get("text").focus();
  window.scrollTo({ top: 0 });
});

try {
  const { model, version } = await ask("./");
  get("service").textContent =
    `Version ${version} · ${model.name}, revision ${model.revision}, engine ${model.engine}`;
} catch {
  get("service").textContent = "The service does not say which model answers.";
}
