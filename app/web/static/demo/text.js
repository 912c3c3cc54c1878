// The "Single text" tab: the sentiment of a text as it is typed, and its explanation on demand.

import { ask } from "./api.js";
import { count, get, make, percent, signed } from "./dom.js";
import { onKey } from "./key.js";
import { showProblem } from "./notice.js";
import { isNeutralRefused, onOptions, options, refuseNeutral } from "./options.js";
import { awaitSentences, hideSentences, showSentences } from "./sentences.js";
import { verdictOf } from "./verdict.js";
import { hideExplanation, showExplanation } from "./words.js";

const PAUSE = 250; // milliseconds without a key press before the text is scored

const EXAMPLES = {
  Praise: "This movie was amazing and thrilling!",
  Complaint: "Two weeks late, the box was crushed, and nobody answers the phone.",
  Negation: "Not bad at all. I expected to be bored and never was.",
  Mixed: "A great cast and gorgeous pictures, wasted on a story that goes nowhere.",
  "Markup & emoji": "Loved it!<br /><br />Best &amp; funniest hour of my week 😍🎬",
  "Long review": [
    "I came to this one late, after everybody had told me how it ends, and I am glad that I came at all.",
    "It takes its time. There is a wedding, there is a quarrel about a field, and there is an uncle who says the same thing four times, and the whole house laughed with him each time.",
    "Then the daughter comes home, and something happens to the picture that I cannot put a name to. Nobody raises a voice. She puts down her suitcase, looks at the table, and you understand that the place that was laid is not for her.",
    "From there on I did not move, and nor did anybody else. The quarrel about the field, which I had taken for padding, turns out to be what everything hangs on, and when the uncle says his sentence for the fifth time it breaks your heart.",
    "What I admired most is how little is explained. We are never told what was said before she left, nor by whom, and yet by the end one could write that scene oneself, with every pause in it. A lesser film would have shown it to us, in the rain, with violins.",
    "The mother is the one to watch. She has perhaps twenty lines, most of them about the soup, and she says each of them as if it were a letter that she has carried about for years and will not post.",
    "It has its faults. The music tells you what to feel when you are feeling it already, and the scene at the station goes on for too long.",
    "But the acting is superb down to the smallest part, the colours are those of a summer that one remembers, and I have thought about that suitcase every day since. I have sent three friends to see it, and each of them has called me afterwards, late, to thank me and to talk about their mother. There are films that are more perfect, and I have forgotten most of them. This one is a small wonder, and I will see it again.",
  ].join("\n\n"),
};

const input = get("text");
const verdict = get("verdict");
const problem = get("text-problem");
const explain = get("explain");
let latest = new AbortController(); // of the requests about the current text
let timer = 0;

const isBlank = () => !input.value.trim();

function changed(pause = PAUSE) {
  // Requests still under way are about a text that is gone.
  latest.abort();
  latest = new AbortController();
  clearTimeout(timer);
  hideExplanation();
  explain.disabled = isBlank();
  if (isBlank()) {
    problem.replaceChildren();
    return showNothing("No text", "Type something to score.");
  }
  verdict.setAttribute("aria-busy", "true");
  awaitSentences();
  if (!verdict.dataset.tone) get("sentiment").textContent = "Scoring …";
  timer = setTimeout(score, pause);
}

async function score() {
  const { signal } = latest;
  const text = input.value;
  const started = performance.now();
  try {
    const prediction = await ask("predict", { text, ...options() }, signal);
    if (signal.aborted) return;
    problem.replaceChildren();
    showVerdict(prediction, performance.now() - started);
    showSentences(text, prediction);
  } catch (error) {
    if (signal.aborted) return;
    if (isNeutralRefused(error)) return refuseNeutral(error); // which scores the text again
    const seconds = error.retryAfter ?? null; // rate-limited or overloaded
    showNothing(seconds === null ? "No result" : "Waiting …", "");
    showProblem(problem, error, seconds === null ? "" : `Trying again in ${count(seconds)} s.`);
    if (seconds !== null) timer = setTimeout(score, 1000 * seconds);
  }
}

async function requestExplanation() {
  if (isBlank() || explain.ariaDisabled === "true") return;
  const { signal } = latest;
  const text = input.value;
  // Not the `disabled` property, which would take the focus away.
  explain.ariaDisabled = "true";
  explain.textContent = "Explaining …";
  try {
    const explanation = await ask("explain", { text }, signal);
    if (signal.aborted) return;
    problem.replaceChildren();
    showExplanation(text, explanation);
  } catch (error) {
    if (signal.aborted) return;
    const { retryAfter } = error;
    showProblem(problem, error, retryAfter ? `Try again in ${count(retryAfter)} s.` : "");
  } finally {
    explain.ariaDisabled = null;
    explain.textContent = "Explain";
  }
}

function showVerdict(prediction, milliseconds) {
  const { confidence, scores, sentiment, mixed, tokens, windows, cached } = prediction;
  const threeWay = "Neutral" in scores;
  const { label, tone } = verdictOf(prediction);
  verdict.setAttribute("aria-busy", "false");
  verdict.dataset.tone = tone;
  get("sentiment").textContent = label;
  get("confidence").textContent = `${percent(confidence)} confidence${mixed ? " · mixed" : ""}`;
  get("scale").setAttribute("aria-valuenow", (100 * confidence).toFixed(1));
  get("scale").setAttribute("aria-valuetext", `${percent(confidence)} ${sentiment}`);
  get("neutral-part").hidden = get("neutral-end").hidden = !threeWay;
  for (const [label, share] of Object.entries(scores)) {
    const name = label.toLowerCase();
    get("scale").style.setProperty(`--${name}-share`, percent(share));
    get(`${name}-score`).textContent = percent(share);
  }
  get("meaning").textContent = threeWay ? scoreOf(prediction) : accuracyAt(confidence);
  get("facts").textContent = [
    `${count(tokens)} tokens`,
    windows === 1 ? "1 window" : `${windows} overlapping windows`,
    cached ? "from the cache" : `${Math.round(milliseconds)} ms`,
  ].join(" · ");
}

function accuracyAt(confidence) {
  const correct = Math.min(99, Math.round(100 * confidence));
  return `About ${correct} of 100 predictions at this confidence are correct.`;
}

function scoreOf({ score }) {
  return `Score ${signed(score)}, from −1 (negative) to +1 (positive).`;
}

function showNothing(label, hint) {
  hideSentences();
  verdict.setAttribute("aria-busy", "false");
  delete verdict.dataset.tone;
  get("sentiment").textContent = label;
  get("confidence").textContent = hint;
  get("meaning").textContent = get("facts").textContent = "";
}

for (const [name, text] of Object.entries(EXAMPLES)) {
  const chip = make("button", { type: "button", className: "chip" }, name);
  chip.addEventListener("click", () => {
    input.value = text;
    changed(0);
  });
  get("examples").append(chip);
}
input.addEventListener("input", () => changed());
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) requestExplanation();
});
explain.addEventListener("click", requestExplanation);
onKey(() => changed(0));
onOptions(() => changed(0));
document.addEventListener("open-text", (event) => {
  input.value = event.detail;
  changed(0);
});
changed(0);
