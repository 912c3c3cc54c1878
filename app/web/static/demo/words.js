// What decided: the text with each word, or phrase, tinted by its weight.

import { count, get, make, percent } from "./dom.js";

const section = get("explanation");
const place = get("words");
const tip = get("weight");

/** Hide the explanation of a text that has changed. */
export function hideExplanation() {
  section.hidden = true;
  tip.hidden = true;
}

/** Show the answer of `/explain` to this text. */
export function showExplanation(text, found) {
  const strongest = Math.max(...found.words.map((word) => Math.abs(word.weight)), 1e-9);
  place.replaceChildren(...pieces(text, found.words).map((piece) => shown(piece, strongest)));
  const [first] = place.children;
  if (first) first.tabIndex = 0;
  get("legend-low").textContent = signed(-strongest);
  get("legend-high").textContent = signed(strongest);
  get("explanation-note").textContent = note(found);
  section.hidden = false;
}

/**
 * Return the text in pieces, those that have a weight and those between them.
 *
 * The API's offsets count Unicode code points, as Python does; a JavaScript string counts UTF-16
 * units, of which an emoji has two.
 */
export function pieces(text, words) {
  const points = Array.from(text);
  const found = [];
  let at = 0;
  for (const { start, end, weight } of [...words].sort((a, b) => a.start - b.start)) {
    if (start > at) found.push({ text: points.slice(at, start).join("") });
    found.push({ text: points.slice(start, end).join(""), weight });
    at = end;
  }
  if (at < points.length) found.push({ text: points.slice(at).join("") });
  return found;
}

function shown({ text, weight }, strongest) {
  if (weight === undefined) return text;
  // No button element: that would be a box of its own, and a phrase has to run on over lines.
  const word = make("span", { className: "token", tabIndex: -1 }, text);
  word.setAttribute("role", "button");
  word.dataset.weight = signed(weight);
  word.dataset.towards = weight < 0 ? "negative" : "positive";
  word.setAttribute("aria-label", `${text}, ${signed(weight)}`);
  word.style.setProperty("--strength", `${Math.round((100 * Math.abs(weight)) / strongest)}%`);
  return word;
}

function note({ base_value: base, value, unit, complete, evaluations }) {
  const whole = 1 / (1 + Math.exp(-value));
  const sum = `Weights are log-odds: ${signed(base)} before any word, ${signed(value)} with all of them, which is ${percent(whole)} Positive.`;
  return complete
    ? sum
    : `${sum} The budget of evaluations was used up after ${count(evaluations)}, so these are ${unit} that share a weight.`;
}

function signed(weight) {
  return `${weight < 0 ? "−" : "+"}${Math.abs(weight).toFixed(2)}`;
}

function showTip(word) {
  tip.textContent = `${word.dataset.weight} to ${word.dataset.towards === "negative" ? "Negative" : "Positive"}`;
  tip.hidden = false;
  const [at, around] = [word.getClientRects()[0], section.getBoundingClientRect()];
  const left = at.left - around.left + at.width / 2 - tip.offsetWidth / 2;
  const room = around.width - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(left, room))}px`;
  tip.style.top = `${at.top - around.top - tip.offsetHeight - 6}px`;
}

for (const kind of ["pointerover", "focusin"]) {
  place.addEventListener(kind, ({ target }) => {
    if (target === place) tip.hidden = true;
    else showTip(target);
  });
}
for (const kind of ["pointerleave", "focusout"]) {
  place.addEventListener(kind, () => {
    tip.hidden = true;
  });
}
place.addEventListener("keydown", (event) => {
  if (event.key === "Escape") tip.hidden = true;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 };
  const all = [...place.children];
  const at = all.indexOf(document.activeElement);
  const to = { Home: 0, End: all.length - 1 }[event.key] ?? at + (steps[event.key] ?? 0);
  if (at < 0 || to === at || !all[to]) return;
  event.preventDefault();
  all[at].tabIndex = -1;
  all[to].tabIndex = 0;
  all[to].focus();
});
