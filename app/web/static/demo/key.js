// The API key: asked for where one is needed, and stored for this tab only.

import { get } from "./dom.js";

const NAME = "sentiment-api-key";
const panel = get("key");
const button = get("key-button");
const input = get("key-input");

/** Return the key, or an empty string. */
export function key() {
  return sessionStorage.getItem(NAME) ?? "";
}

/** Open the form that takes a key. */
export function askForKey() {
  panel.hidden = false;
  button.setAttribute("aria-expanded", "true");
}

/** Call back when the key changes. */
export function onKey(callback) {
  document.addEventListener("key", callback);
}

function store(value) {
  if (value) sessionStorage.setItem(NAME, value);
  else sessionStorage.removeItem(NAME);
  panel.hidden = true;
  button.setAttribute("aria-expanded", "false");
  showState();
  document.dispatchEvent(new Event("key"));
}

function showState() {
  button.textContent = key() ? "API key ✓" : "API key";
}

showState();
button.addEventListener("click", () => {
  panel.hidden = !panel.hidden;
  button.setAttribute("aria-expanded", String(!panel.hidden));
  if (!panel.hidden) input.focus();
});
get("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  store(input.value.trim());
  button.focus();
});
get("key-forget").addEventListener("click", () => {
  input.value = "";
  store("");
  button.focus();
});
