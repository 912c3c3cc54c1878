// An explanation: the text with each word, or phrase, tinted by its effect on the score.

import { count, get, make, percent } from "./dom.js";

/** How strong an effect is, by the factor that it changes the odds by; strongest first. */
const STRENGTHS = [
  { name: "strong", adverb: "strongly", factor: 5, range: "changes the odds 5-fold or more" },
  { name: "moderate", adverb: "moderately", factor: 2, range: "2- to 5-fold" },
  { name: "slight", adverb: "slightly", factor: 1.1, range: "less than 2-fold" },
];

const section = get("explanation");
const container = get("words");
const tip = get("effect");

/** Hide the explanation, because the text has changed. */
export function hideExplanation() {
  section.hidden = true;
  tip.hidden = true;
  get("explanation-status").textContent = "";
}

/** Show the response of `/explain` to this text. */
export function showExplanation(text, explanation) {
  container.replaceChildren(...pieces(text, explanation.words).map(elementOf));
  const [first] = container.children;
  if (first) first.tabIndex = 0;
  tip.hidden = true;
  get("explanation-note").textContent = noteOn(explanation);
  section.hidden = false;
  get("explanation-status").textContent = `Explained. ${get("explanation-note").textContent}`;
}

/**
 * Return the text in pieces: those that have a weight, and those between them.
 *
 * The API's offsets count Unicode code points, as Python does. A JavaScript string counts UTF-16
 * units, and an emoji has two.
 */
export function pieces(text, words) {
  const points = Array.from(text);
  const result = [];
  let end = 0;
  for (const word of [...words].sort((a, b) => a.start - b.start)) {
    if (word.start > end) result.push({ text: points.slice(end, word.start).join("") });
    result.push({ text: points.slice(word.start, word.end).join(""), weight: word.weight });
    end = word.end;
  }
  if (end < points.length) result.push({ text: points.slice(end).join("") });
  return result;
}

/** Return a weight in words, as in "strongly negative", and the parts that style it. */
export function effectOf(weight) {
  const direction = weight < 0 ? "negative" : "positive";
  const strength = STRENGTHS.find(({ factor }) => Math.abs(weight) >= Math.log(factor));
  return strength
    ? { name: `${strength.adverb} ${direction}`, direction, strength: strength.name }
    : { name: "no clear effect", direction, strength: "none" };
}

function elementOf({ text, weight }) {
  if (weight === undefined) return text;
  const effect = effectOf(weight);
  // Not a button element: that is a box of its own, and a phrase has to wrap over lines.
  const word = make("span", { className: "token", tabIndex: -1 }, text);
  word.setAttribute("role", "button");
  word.setAttribute("aria-label", `${text}, ${effect.name}, ${signed(weight)}`);
  Object.assign(word.dataset, {
    towards: effect.direction,
    strength: effect.strength,
    effect: `${effect.name}: ${signed(weight)} log-odds`,
  });
  return word;
}

function noteOn({ base_value: base, value, unit, complete, evaluations }) {
  const positive = percent(1 / (1 + Math.exp(-value)));
  const sum = `Effects add up in log-odds of Positive: ${signed(base)} without words, ${signed(value)} with all of them, which is ${positive} Positive.`;
  return complete
    ? sum
    : `${sum} The explanation reached its limit after ${count(evaluations)} evaluations, so some ${unit} share one effect.`;
}

function signed(weight) {
  return `${weight < 0 ? "−" : "+"}${Math.abs(weight).toFixed(2)}`;
}

function showTip(word) {
  tip.textContent = word.dataset.effect;
  tip.hidden = false;
  const [line, frame] = [word.getClientRects()[0], section.getBoundingClientRect()];
  const left = line.left - frame.left + line.width / 2 - tip.offsetWidth / 2;
  const room = frame.width - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(left, room))}px`;
  tip.style.top = `${line.top - frame.top - tip.offsetHeight - 6}px`;
}

/** Move the focus to another word; the arrows follow the direction of the text. */
function move(event) {
  const forward = getComputedStyle(container).direction === "rtl" ? -1 : 1;
  const steps = { ArrowLeft: -forward, ArrowRight: forward, ArrowUp: -1, ArrowDown: 1 };
  const words = [...container.children];
  const from = words.indexOf(document.activeElement);
  const to = { Home: 0, End: words.length - 1 }[event.key] ?? from + (steps[event.key] ?? 0);
  if (from < 0 || to === from || !words[to]) return;
  event.preventDefault();
  words[from].tabIndex = -1;
  words[to].tabIndex = 0;
  words[to].focus();
}

function legend() {
  const sample = (adverb, strength, towards) => {
    const token = make("span", { className: "token" }, `${adverb} ${towards}`);
    Object.assign(token.dataset, { towards, strength });
    return token;
  };
  const entry = (terms, range) => make("div", {}, make("dt", {}, ...terms), make("dd", {}, range));
  const marked = STRENGTHS.map(({ name, adverb, range }) => {
    const [negative, positive] = ["negative", "positive"].map((each) => sample(adverb, name, each));
    return entry([negative, " ", positive], range);
  });
  return [...marked, entry(["unmarked"], "no clear effect")];
}

get("legend").replaceChildren(...legend());
for (const kind of ["pointerover", "focusin", "click"]) {
  container.addEventListener(kind, ({ target }) => {
    if (target === container) tip.hidden = true;
    else showTip(target);
  });
}
for (const kind of ["pointerleave", "focusout"]) {
  container.addEventListener(kind, () => {
    tip.hidden = true;
  });
}
container.addEventListener("keydown", (event) => {
  if (event.key === "Escape") tip.hidden = true;
  else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    showTip(event.target);
  } else move(event);
});
