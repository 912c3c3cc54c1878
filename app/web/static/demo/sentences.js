// The sentences of a text, each tinted by its sentiment.

import { count, get, make, percent, signed } from "./dom.js";
import { MarkedText, markOf } from "./marks.js";
import { UNCERTAIN_BELOW, verdictOf } from "./verdict.js";

const section = get("sentences");
const marks = new MarkedText(get("sentence-marks"), get("sentence-scores"));

/** Hide the sentences. */
export function hideSentences() {
  section.hidden = true;
  section.setAttribute("aria-busy", "false");
}

/** Dim the sentences, because the text has changed and its own are on their way. */
export function awaitSentences() {
  section.setAttribute("aria-busy", String(!section.hidden));
}

/** Show the sentences of the response to this text, if it has any. */
export function showSentences(text, analysis) {
  if (!analysis.sentences) return hideSentences();
  marks.show(text, analysis.sentences, elementOf);
  get("mixed").textContent = analysis.mixed
    ? "Mixed: at least one sentence is clearly positive and another clearly negative."
    : "Not mixed: clearly positive and clearly negative sentences do not occur together.";
  get("sentence-legend").replaceChildren(...legend("Neutral" in analysis.scores));
  get("sentence-facts").textContent = factsOf(analysis);
  section.hidden = false;
  section.setAttribute("aria-busy", "false");
}

function elementOf(text, sentence) {
  const { label, tone } = verdictOf(sentence);
  const shares = Object.entries(sentence.scores).map(([name, share]) => `${name} ${percent(share)}`);
  return markOf(text, {
    className: "sentence",
    label: `${label}, ${percent(sentence.confidence)}`,
    tip: [...shares, `score ${signed(sentence.score)}`].join(" · "),
    tone,
  });
}

function factsOf({ sentences, score, magnitude }) {
  const number = sentences.length;
  return [
    `${count(number)} sentence${number === 1 ? "" : "s"}`,
    `score ${signed(score)}, from −1 to +1`,
    `magnitude ${magnitude.toFixed(2)}, the sum of the sentences' scores without their signs`,
  ].join(" · ");
}

function legend(neutral) {
  const entry = (tones, range) => {
    const samples = tones.map((tone) => {
      const sample = make("span", { className: "sentence" }, tone);
      sample.dataset.tone = tone;
      return sample;
    });
    const terms = samples.flatMap((sample, index) => (index ? [" ", sample] : [sample]));
    return make("div", {}, make("dt", {}, ...terms), make("dd", {}, range));
  };
  const clear = neutral ? ["negative", "neutral", "positive"] : ["negative", "positive"];
  return [
    entry(clear, `${100 * UNCERTAIN_BELOW}% confidence or more`),
    entry(["uncertain"], "less"),
  ];
}
