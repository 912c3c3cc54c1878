// The API key: asked for where one is needed, and kept for this tab only.

import { get } from "./dom.js";

const NAME = "sentiment-api-key";
const panel = get("key");
const button = get("key-button");
const input = get("key-input");

/** Return the key, or nothing. */
export function key() {
  return sessionStorage.getItem(NAME) ?? "";
}

/** Show where a key goes. */
export function askForKey() {
  panel.hidden = false;
  button.setAttribute("aria-expanded", "true");
}

/** Call back when another key is to be used. */
export function onKey(callback) {
  document.addEventListener("key", callback);
}

function keep(value) {
  if (value) sessionStorage.setItem(NAME, value);
  else sessionStorage.removeItem(NAME);
  panel.hidden = true;
  button.setAttribute("aria-expanded", "false");
  button.textContent = value ? "API key ✓" : "API key";
  document.dispatchEvent(new Event("key"));
}

button.textContent = key() ? "API key ✓" : "API key";
button.addEventListener("click", () => {
  panel.hidden = !panel.hidden;
  button.setAttribute("aria-expanded", String(!panel.hidden));
  if (!panel.hidden) input.focus();
});
get("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keep(input.value.trim());
  button.focus();
});
get("key-forget").addEventListener("click", () => {
  input.value = "";
  keep("");
  button.focus();
});
