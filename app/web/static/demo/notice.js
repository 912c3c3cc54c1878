// What went wrong, said where it matters.

import { Problem } from "./api.js";
import { make } from "./dom.js";
import { askForKey } from "./key.js";

/** Show the error in the place, as the API means it; throws what is no refusal. */
export function showProblem(place, error) {
  if (!(error instanceof Problem)) throw error;
  if (error.status === 401 || error.status === 403) askForKey();
  const { title, status, detail, errors = [], correlation_id: id } = error.document;
  const mild = status === 501; // no error: whoever runs the service did without
  const named = status ? `${title} (${status})` : title;
  const parts = [make("strong", {}, mild ? "Not available here" : named), make("p", {}, detail)];
  // One fault is what the detail says already.
  if (errors.length > 1) {
    const faults = errors.map((fault) =>
      make("li", {}, make("code", {}, fault.pointer), ` ${fault.detail}`),
    );
    parts.push(make("ul", {}, ...faults));
  }
  if (id && !mild) {
    parts.push(make("p", { className: "note" }, "To quote, if you ask about it: ", make("code", {}, id)));
  }
  const notice = make("div", { className: mild ? "notice mild" : "notice" }, ...parts);
  notice.setAttribute("role", "alert");
  place.replaceChildren(notice);
}

/** Say in the place what cannot be done, and why. */
export function showReason(place, reason) {
  showProblem(place, new Problem({ title: "That cannot be read", detail: reason }));
}
