// Finding and making elements, always from text, never from markup; and numbers for people.

/** Return the element with this id. */
export function get(id) {
  return document.getElementById(id);
}

/** Return a new element with these properties and children; a child may be text. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Return a number as `1,234`. */
export function count(value) {
  return value.toLocaleString("en");
}

/** Return a number with its sign, as `+0.50` or `−0.50`. */
export function signed(value, digits = 2) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
}

/** Return a probability as `99.4%`. */
export function percent(probability) {
  return `${(100 * probability).toFixed(1)}%`;
}
