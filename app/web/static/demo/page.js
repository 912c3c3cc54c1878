// Entry point: the tabs and the footer. Each tab is a module of its own.

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
  // Loaded on demand: most visitors score a single text.
  if (tab.id === "file-tab") import("./file.js").catch(showLoadFailure);
}

function showLoadFailure() {
  const detail = "This part of the page did not load. Reload the page to try again.";
  showProblem(get("file-problem"), new Problem({ title: "No answer", detail }));
}

/** Return the tab that a key moves to from this index, or undefined. */
function target(key, index) {
  const indices = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: tabs.length - 1 };
  return key in indices ? tabs[(indices[key] + tabs.length) % tabs.length] : undefined;
}

tabs.forEach((tab, index) => {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const next = target(event.key, index);
    if (!next) return;
    event.preventDefault();
    select(next);
    next.focus();
  });
});

// Somebody opens a row of a file as a single text.
document.addEventListener("open-text", () => {
  select(tabs[0]);
  get("text").focus();
  window.scrollTo({ top: 0 });
});

try {
  const { model, version } = await ask("./");
  get("service").textContent =
    `Version ${version} · ${model.name}, revision ${model.revision}, engine ${model.engine}`;
} catch {
  get("service").textContent = "Model information is unavailable.";
}
