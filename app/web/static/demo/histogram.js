// A histogram of predictions, from certainly negative to certainly positive, drawn as SVG.

import { count, make, signed } from "./dom.js";
import { UNCERTAIN_BELOW, verdictOf } from "./verdict.js";

const BINS = 20;
const WIDTH = 440;
const HEIGHT = 210;
const PLOT = { left: 48, right: WIDTH - 12, top: 46, bottom: HEIGHT - 42 };

/** Two outcomes, by confidence: bins of five points of probability. */
const BY_CONFIDENCE = {
  title: "Rows by confidence",
  axis: "Confidence",
  zones: [
    { name: "Negative", tone: "negative", middle: (1 - UNCERTAIN_BELOW) / 2 },
    { name: "Uncertain", tone: "uncertain", middle: 0.5 },
    { name: "Positive", tone: "positive", middle: (1 + UNCERTAIN_BELOW) / 2 },
  ],
  bounds: [1 - UNCERTAIN_BELOW, UNCERTAIN_BELOW],
  ticks: [0, 0.3, 0.5, 0.7, 1].map((at) => [at, `${Math.round(100 * Math.max(at, 1 - at))}%`]),
  toneOf: (prediction) => verdictOf(prediction).tone,
  /** Count from the label's own end, so that a bound belongs to the same step on both sides. */
  binOf({ sentiment, confidence }) {
    const fromEnd = BINS - 1 - Math.min(BINS - 1, Math.floor(confidence * BINS));
    return sentiment === "Negative" ? fromEnd : BINS - 1 - fromEnd;
  },
  describe(index, [{ number }]) {
    const positive = index >= BINS / 2;
    const low = positive ? index * 5 : 100 - (index + 1) * 5;
    return `${positive ? "Positive" : "Negative"}, ${low} to ${low + 5}%: ${count(number)}`;
  },
};

/** Three outcomes, by score: bins of a tenth, in which each outcome has a part of the bar. */
const BY_SCORE = {
  title: "Rows by score",
  axis: "Score",
  zones: [
    { name: "Negative", tone: "negative", middle: 1 / 6 },
    { name: "Neutral", tone: "neutral", middle: 1 / 2 },
    { name: "Positive", tone: "positive", middle: 5 / 6 },
  ],
  bounds: [],
  ticks: [[0, "−1"], [0.25, "−0.5"], [0.5, "0"], [0.75, "+0.5"], [1, "+1"]],
  toneOf: ({ sentiment }) => sentiment.toLowerCase(),
  binOf: ({ score }) => Math.min(BINS - 1, Math.floor(((score + 1) / 2) * BINS)),
  describe(index, parts) {
    const edge = (each) => signed(each / 10 - 1, 1);
    const numbers = parts.map(({ tone, number }) => `${count(number)} ${tone}`);
    return `${edge(index)} to ${edge(index + 1)}: ${numbers.join(", ")}`;
  },
};

/** Draw how many of these predictions fall into each bin; `neutral`: whether they may be Neutral. */
export function drawHistogram(figure, predictions, neutral) {
  const view = neutral ? BY_SCORE : BY_CONFIDENCE;
  const bins = binsOf(predictions, view);
  const top = roundUp(Math.max(...bins.map(sum), 1));
  const drawing = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    "aria-label": describe(bins, view),
  });
  drawing.append(dots(), ...gridLines(top), ...bars(bins, top, view), ...zones(bins, view), ...axis(view));
  figure.replaceChildren(make("figcaption", {}, view.title), drawing);
}

/** Return each bin's parts: the tones that it has, in the order of the zones, and their numbers. */
function binsOf(predictions, { zones, binOf, toneOf }) {
  const numbers = Array.from({ length: BINS }, () => ({}));
  for (const prediction of predictions) {
    const [bin, tone] = [numbers[binOf(prediction)], toneOf(prediction)];
    bin[tone] = (bin[tone] ?? 0) + 1;
  }
  return numbers.map((bin) =>
    zones.flatMap(({ tone }) => (bin[tone] ? [{ tone, number: bin[tone] }] : [])),
  );
}

const sum = (parts) => parts.reduce((total, { number }) => total + number, 0);

const x = (probability) => PLOT.left + probability * (PLOT.right - PLOT.left);
const y = (value, top) => PLOT.bottom - (value / top) * (PLOT.bottom - PLOT.top);

function gridLines(top) {
  return [0, top / 2, top].filter(Number.isInteger).flatMap((value) => [
    svg("line", { x1: PLOT.left, x2: PLOT.right, y1: y(value, top), y2: y(value, top), class: value ? "grid" : "base" }),
    label(count(value), { x: PLOT.left - 6, y: y(value, top) + 4, "text-anchor": "end" }),
  ]);
}

function bars(bins, top, view) {
  return bins.flatMap((parts, index) => {
    let bottom = PLOT.bottom;
    return parts.map((part) => {
      const height = Math.max(2, PLOT.bottom - y(part.number, top));
      bottom -= height;
      const bar = svg("rect", {
        x: x(index / BINS) + 1,
        y: bottom,
        width: (PLOT.right - PLOT.left) / BINS - 2,
        height,
        class: part.tone,
      });
      bar.append(svg("title", {}, view.describe(index, [part])));
      return bar;
    });
  });
}

/** The pattern of a neutral part of a bar, so that it is not told by its colour alone. */
function dots() {
  const pattern = svg("pattern", {
    id: "dots",
    class: "neutral",
    width: 5,
    height: 5,
    patternUnits: "userSpaceOnUse",
  });
  pattern.append(svg("rect", { width: 5, height: 5 }), svg("circle", { cx: 2.5, cy: 2.5, r: 1.1 }));
  return pattern;
}

function zones(bins, view) {
  const names = view.zones.flatMap(({ name, tone, middle }) => {
    const number = sum(bins.flat().filter((part) => part.tone === tone));
    const centre = { x: x(middle), "text-anchor": "middle" };
    return [
      label(name, { ...centre, y: 14, class: `zone ${tone}` }),
      label(count(number), { ...centre, y: 34, class: tone }),
    ];
  });
  const bounds = view.bounds.map((bound) =>
    svg("line", { x1: x(bound), x2: x(bound), y1: 4, y2: PLOT.bottom, class: "bound" }),
  );
  return [...bounds, ...names];
}

function axis(view) {
  const ticks = view.ticks.map(([at, text]) => {
    const anchor = { 0: "start", 1: "end" }[at] ?? "middle";
    return label(text, { x: x(at), y: PLOT.bottom + 17, "text-anchor": anchor });
  });
  return [...ticks, label(view.axis, { x: x(0.5), y: PLOT.bottom + 36, "text-anchor": "middle" })];
}

/** Return the next round number, whose half is a round number too where it can be. */
function roundUp(value) {
  if (value <= 2) return value;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= value);
}

function describe(bins, view) {
  const filled = bins.flatMap((parts, index) => (parts.length ? [view.describe(index, parts)] : []));
  return `${view.title}. ${filled.join("; ") || "None yet"}.`;
}

function label(text, attributes) {
  return svg("text", attributes, text);
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
