// An explanation: the text with each word, or phrase, tinted by its effect on the score.

import { count, get, make, percent, signed } from "./dom.js";
import { MarkedText, markOf } from "./marks.js";
import { isOn } from "./options.js";

/** How strong an effect is, by the factor that it changes the odds by; strongest first. */
const STRENGTHS = [
  { name: "strong", adverb: "strongly", factor: 5, range: "changes the odds 5-fold or more" },
  { name: "moderate", adverb: "moderately", factor: 2, range: "2- to 5-fold" },
  { name: "slight", adverb: "slightly", factor: 1.1, range: "less than 2-fold" },
];

const section = get("explanation");
const words = new MarkedText(get("words"), get("effect"));

/** Hide the explanation, because the text has changed. */
export function hideExplanation() {
  section.hidden = true;
  get("explanation-status").textContent = "";
}

/** Show the response of `/explain` to this text. */
export function showExplanation(text, explanation) {
  words.show(text, explanation.words, elementOf);
  get("explanation-note").textContent = noteOn(explanation);
  section.hidden = false;
  get("explanation-status").textContent = `Explained. ${get("explanation-note").textContent}`;
}

/** Return a weight in words, as in "strongly negative", and the parts that style it. */
function effectOf(weight) {
  const direction = weight < 0 ? "negative" : "positive";
  const strength = STRENGTHS.find(({ factor }) => Math.abs(weight) >= Math.log(factor));
  return strength
    ? { name: `${strength.adverb} ${direction}`, direction, strength: strength.name }
    : { name: "no clear effect", direction, strength: "none" };
}

function elementOf(text, { weight }) {
  const { name, direction, strength } = effectOf(weight);
  return markOf(text, {
    className: "token",
    label: `${name}, ${signed(weight)}`,
    tip: `${name}: ${signed(weight)} log-odds`,
    towards: direction,
    strength,
  });
}

function noteOn({ base_value: base, value, unit, complete, evaluations }) {
  const positive = percent(1 / (1 + Math.exp(-value)));
  const half = isOn("neutral") ? " Half of Neutral counts as Positive here." : "";
  const sum = `Effects add up in log-odds of Positive: ${signed(base)} without words, ${signed(value)} with all of them, which is ${positive} Positive.${half}`;
  return complete
    ? sum
    : `${sum} The explanation reached its limit after ${count(evaluations)} evaluations, so some ${unit} share one effect.`;
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
