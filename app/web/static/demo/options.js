// The switches: what the page asks for beyond Positive or Negative. Stored for this tab only.

import { Problem } from "./api.js";
import { get, make } from "./dom.js";

const PREFIX = "sentiment-";
const NAMES = ["neutral", "sentences"];

const refusal = get("neutral-problem");

const inputOf = (name) => get(`${name}-switch`);

/** Return whether `neutral` or `sentences` is switched on. */
export function isOn(name) {
  return inputOf(name).checked;
}

/** Return the fields that ask for what is switched on, and no others. */
export function options() {
  return Object.fromEntries(NAMES.filter(isOn).map((name) => [name, true]));
}

/** Call back when a switch changes. */
export function onOptions(callback) {
  document.addEventListener("options", callback);
}

/** Return whether a request failed because the model has no label Neutral. */
export function isNeutralRefused(error) {
  if (!(error instanceof Problem) || error.status !== 422) return false;
  return (error.document.errors ?? []).some(({ pointer }) => pointer === "#/neutral");
}

/** Switch Neutral off, and say at the switch why. */
export function refuseNeutral({ document: { errors } }) {
  const { detail } = errors.find(({ pointer }) => pointer === "#/neutral");
  const notice = make("p", { className: "notice" }, `Neutral is not available: ${detail}.`);
  notice.setAttribute("role", "alert");
  inputOf("neutral").checked = false;
  changed("neutral");
  refusal.replaceChildren(notice);
}

function changed(name) {
  refusal.replaceChildren();
  if (isOn(name)) sessionStorage.setItem(PREFIX + name, "on");
  else sessionStorage.removeItem(PREFIX + name);
  document.dispatchEvent(new Event("options"));
}

for (const name of NAMES) {
  inputOf(name).checked = sessionStorage.getItem(PREFIX + name) === "on";
  inputOf(name).addEventListener("change", () => changed(name));
}
