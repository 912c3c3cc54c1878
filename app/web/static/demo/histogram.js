// How sure the answers are, from surely Negative to surely Positive, drawn as SVG.

import { count, make } from "./dom.js";

const BINS = 20; // of five points each
const [WIDTH, HEIGHT] = [400, 140];

/** Draw into the figure how many of the probabilities of Positive lie in each step. */
export function histogram(figure, probabilities) {
  const bins = new Array(BINS).fill(0);
  for (const positive of probabilities) bins[Math.min(BINS - 1, Math.floor(positive * BINS))] += 1;
  const most = Math.max(...bins, 1);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": spoken(bins) });
  const step = WIDTH / BINS;
  bins.forEach((number, index) => {
    const height = number ? Math.max(2, (number / most) * (HEIGHT - 4)) : 0;
    const bar = svg("rect", {
      x: index * step + 1,
      y: HEIGHT - height,
      width: step - 2,
      height,
      rx: 2,
      class: index < BINS / 2 ? "negative" : "positive",
    });
    bar.append(svg("title", {}, `${range(index)}: ${count(number)}`));
    drawing.append(bar);
  });
  drawing.append(svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }));
  const axis = make("p", { className: "axis" }, ...["surely Negative", "in doubt", "surely Positive"].map((end) => make("span", {}, end)));
  axis.ariaHidden = "true";
  figure.replaceChildren(make("figcaption", {}, "Confidence"), drawing, axis);
}

function range(index) {
  const positive = index >= BINS / 2;
  const low = positive ? index * 5 : 100 - (index + 1) * 5;
  return `${positive ? "Positive" : "Negative"}, ${low} to ${low + 5}% sure`;
}

function spoken(bins) {
  const parts = bins.flatMap((number, index) => (number ? [`${range(index)}: ${count(number)}`] : []));
  return `Rows by confidence. ${parts.join("; ") || "None yet"}.`;
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
