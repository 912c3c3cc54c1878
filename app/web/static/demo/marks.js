// A text with marked spans. One is focusable at a time, the arrow keys move between them, and the
// one in focus or under the pointer shows its tip.

import { make } from "./dom.js";

/** A container of a text whose spans are marked, and the element that shows their tips. */
export class MarkedText {
  constructor(container, tip) {
    Object.assign(this, { container, tip });
    for (const kind of ["pointerover", "focusin", "click"]) {
      container.addEventListener(kind, ({ target }) => {
        if (target === container) this.hideTip();
        else this.showTip(target);
      });
    }
    for (const kind of ["pointerleave", "focusout"]) {
      container.addEventListener(kind, () => this.hideTip());
    }
    container.addEventListener("keydown", (event) => this.press(event));
  }

  /** Show the text; `markOf(text, span)` returns the element of a span. */
  show(text, spans, markOf) {
    this.container.replaceChildren(
      ...pieces(text, spans).map((piece) => (piece.span ? markOf(piece.text, piece.span) : piece.text)),
    );
    const [first] = this.container.children;
    if (first) first.tabIndex = 0;
    this.hideTip();
  }

  hideTip() {
    this.tip.hidden = true;
  }

  showTip(mark) {
    const { tip } = this;
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const [line, frame] = [mark.getClientRects()[0], tip.offsetParent.getBoundingClientRect()];
    const left = line.left - frame.left + line.width / 2 - tip.offsetWidth / 2;
    const room = frame.width - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(left, room))}px`;
    tip.style.top = `${line.top - frame.top - tip.offsetHeight - 6}px`;
  }

  press(event) {
    if (event.key === "Escape") this.hideTip();
    else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.showTip(event.target);
    } else this.move(event);
  }

  /** Move the focus to another mark; the arrows follow the direction of the text. */
  move(event) {
    const forward = getComputedStyle(this.container).direction === "rtl" ? -1 : 1;
    const steps = { ArrowLeft: -forward, ArrowRight: forward, ArrowUp: -1, ArrowDown: 1 };
    const marks = [...this.container.children];
    const from = marks.indexOf(document.activeElement);
    const to = { Home: 0, End: marks.length - 1 }[event.key] ?? from + (steps[event.key] ?? 0);
    if (from < 0 || to === from || !marks[to]) return;
    event.preventDefault();
    marks[from].tabIndex = -1;
    marks[to].tabIndex = 0;
    marks[to].focus();
  }
}

/** Return the element of a span: its class, what it is called after its text, its tip and its data. */
export function markOf(text, { className, label, tip, ...data }) {
  // Not a button element: that is a box of its own, and a span has to wrap over lines.
  const mark = make("span", { className, tabIndex: -1 }, text);
  mark.setAttribute("role", "button");
  mark.setAttribute("aria-label", `${text}, ${label}`);
  Object.assign(mark.dataset, { tip, ...data });
  return mark;
}

/**
 * Return the text in pieces: those with a span, and those between them.
 *
 * The API's offsets count Unicode code points, as Python does. A JavaScript string counts UTF-16
 * units, and an emoji has two.
 */
function pieces(text, spans) {
  const points = Array.from(text);
  const result = [];
  let end = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.start > end) result.push({ text: points.slice(end, span.start).join("") });
    result.push({ text: points.slice(span.start, span.end).join(""), span });
    end = span.end;
  }
  if (end < points.length) result.push({ text: points.slice(end).join("") });
  return result;
}
