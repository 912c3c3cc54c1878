// The page's elements, and how they are made: always from text, never from markup.

/** Return the element of this id. */
export function get(id) {
  return document.getElementById(id);
}

/** Return a new element with these properties and children; a child may be text. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Return a number for people: `1,234`. */
export function count(value) {
  return value.toLocaleString("en");
}

/** Return a probability for people: `99.4%`. */
export function percent(probability) {
  return `${(100 * probability).toFixed(1)}%`;
}
