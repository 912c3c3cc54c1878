// Error messages, shown where they matter.

import { Problem } from "./api.js";
import { make } from "./dom.js";
import { askForKey } from "./key.js";

/**
 * Show a Problem in the container, and what happens next; rethrow any other error.
 *
 * @param {HTMLElement} container
 * @param {Error} error
 * @param {string} next what the user can do or what the page will do, if anything
 */
export function showProblem(container, error, next = "") {
  if (!(error instanceof Problem)) throw error;
  if (error.status === 401 || error.status === 403) askForKey();
  const { title, status, detail, errors = [], correlation_id: id } = error.document;
  const parts = [
    make("strong", {}, status ? `${title} (${status})` : title),
    make("p", {}, detail, next && ` ${next}`),
  ];
  // `detail` already states a single error.
  if (errors.length > 1) {
    const items = errors.map((each) =>
      make("li", {}, make("code", {}, each.pointer), ` ${each.detail}`),
    );
    parts.push(make("ul", {}, ...items));
  }
  if (id) parts.push(make("p", { className: "note" }, "Correlation ID: ", make("code", {}, id)));
  const busy = error.retryAfter !== null;
  const notice = make("div", { className: busy ? "notice busy" : "notice" }, ...parts);
  notice.setAttribute("role", "alert");
  container.replaceChildren(notice);
}

/** Say in the container why a file cannot be read. */
export function showUnreadable(container, reason) {
  showProblem(container, new Problem({ title: "This file cannot be read", detail: reason }));
}
