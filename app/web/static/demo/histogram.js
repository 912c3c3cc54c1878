// A histogram of confidence, from certainly negative to certainly positive, drawn as SVG.

import { count, make } from "./dom.js";
import { isUncertain, UNCERTAIN_BELOW } from "./verdict.js";

const BINS = 20; // of five points of probability each
const WIDTH = 440;
const HEIGHT = 210;
const PLOT = { left: 48, right: WIDTH - 12, top: 46, bottom: HEIGHT - 42 };
const ZONES = [
  { name: "Negative", tone: "negative", from: 0, to: 1 - UNCERTAIN_BELOW },
  { name: "Uncertain", tone: "uncertain", from: 1 - UNCERTAIN_BELOW, to: UNCERTAIN_BELOW },
  { name: "Positive", tone: "positive", from: UNCERTAIN_BELOW, to: 1 },
];

/** Draw how many of these predictions fall into each step of confidence. */
export function drawHistogram(figure, predictions) {
  const bins = new Array(BINS).fill(0);
  for (const prediction of predictions) bins[binOf(prediction)] += 1;
  const top = roundUp(Math.max(...bins, 1));
  const drawing = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    "aria-label": describe(bins),
  });
  drawing.append(...gridLines(top), ...bars(bins, top), ...zones(predictions), ...confidenceAxis());
  figure.replaceChildren(make("figcaption", {}, "Rows by confidence"), drawing);
}

/** Count from the label's own end, so that a bound belongs to the same step on both sides. */
function binOf({ sentiment, confidence }) {
  const fromEnd = BINS - 1 - Math.min(BINS - 1, Math.floor(confidence * BINS));
  return sentiment === "Negative" ? fromEnd : BINS - 1 - fromEnd;
}

const x = (probability) => PLOT.left + probability * (PLOT.right - PLOT.left);
const y = (value, top) => PLOT.bottom - (value / top) * (PLOT.bottom - PLOT.top);

function gridLines(top) {
  return [0, top / 2, top].filter(Number.isInteger).flatMap((value) => [
    svg("line", { x1: PLOT.left, x2: PLOT.right, y1: y(value, top), y2: y(value, top), class: value ? "grid" : "base" }),
    label(count(value), { x: PLOT.left - 6, y: y(value, top) + 4, "text-anchor": "end" }),
  ]);
}

function bars(bins, top) {
  return bins.flatMap((number, index) => {
    if (!number) return [];
    const middle = (index + 0.5) / BINS;
    const height = Math.max(2, PLOT.bottom - y(number, top));
    const bar = svg("rect", {
      x: x(index / BINS) + 1,
      y: PLOT.bottom - height,
      width: (PLOT.right - PLOT.left) / BINS - 2,
      height,
      class: ZONES.find(({ to }) => middle < to).tone,
    });
    bar.append(svg("title", {}, `${rangeOf(index)}: ${count(number)}`));
    return [bar];
  });
}

function zones(predictions) {
  const counts = { negative: 0, uncertain: 0, positive: 0 };
  for (const each of predictions) counts[isUncertain(each) ? "uncertain" : each.sentiment.toLowerCase()] += 1;
  const names = ZONES.flatMap(({ name, tone, from, to }) => {
    const centre = { x: x((from + to) / 2), "text-anchor": "middle" };
    return [
      label(name, { ...centre, y: 14, class: `zone ${tone}` }),
      label(count(counts[tone]), { ...centre, y: 34, class: tone }),
    ];
  });
  const bounds = ZONES.slice(1).map(({ from }) =>
    svg("line", { x1: x(from), x2: x(from), y1: 4, y2: PLOT.bottom, class: "bound" }),
  );
  return [...bounds, ...names];
}

function confidenceAxis() {
  const values = [0, 0.3, 0.5, 0.7, 1];
  const ticks = values.map((value) => {
    const confidence = Math.round(100 * Math.max(value, 1 - value));
    const anchor = { 0: "start", 1: "end" }[value] ?? "middle";
    return label(`${confidence}%`, { x: x(value), y: PLOT.bottom + 17, "text-anchor": anchor });
  });
  return [...ticks, label("Confidence", { x: x(0.5), y: PLOT.bottom + 36, "text-anchor": "middle" })];
}

/** Return the next round number, whose half is a round number too where it can be. */
function roundUp(value) {
  if (value <= 2) return value;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= value);
}

function rangeOf(index) {
  const positive = index >= BINS / 2;
  const low = positive ? index * 5 : 100 - (index + 1) * 5;
  return `${positive ? "Positive" : "Negative"}, ${low} to ${low + 5}%`;
}

function describe(bins) {
  const parts = bins.flatMap((number, index) => (number ? [`${rangeOf(index)}: ${count(number)}`] : []));
  return `Rows by confidence. ${parts.join("; ") || "None yet"}.`;
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
