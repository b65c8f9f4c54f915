/** Elements, numbers and times, as this page shows them. Texts never become HTML. */

/**
 * Make an element.
 * @param {string} name
 * @param {Object<string, *>} [attributes]
 * @param {...(Node|string|number)} content
 */
export function make(name, attributes = {}, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

/** The element with this id. */
export const find = (id) => document.getElementById(id);

/** 1,234 */
export const count = (number) => number.toLocaleString("en");

/** 17% */
export const percent = (share) => `${Math.round(100 * share)}%`;

/** A moment in the clock of this computer; with the day if it is another one. */
export function clock(moment) {
  if (!moment) return "";
  const date = new Date(moment);
  const isToday = date.toDateString() === new Date().toDateString();
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return isToday ? time : `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}

/** How long ago, in words. */
export function ago(moment) {
  const seconds = Math.max(0, Math.round((Date.now() - new Date(moment)) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

/** A bar of a share from 0 to 1, for the eye: the number stands beside it. */
export function bar(share, kind = "") {
  const filled = make("span", { class: "filled" });
  filled.style.inlineSize = `${100 * Math.min(1, Math.max(0, share))}%`;
  return make("span", { class: `bar ${kind}`, "aria-hidden": "true" }, filled);
}

/** A list of names with numbers, each with a bar that compares them. */
export function ranking(numbers, kind, most = 8) {
  const entries = Object.entries(numbers);
  const largest = Math.max(...entries.map(([, number]) => number));
  const rows = entries.slice(0, most).map(([name, number]) => make("li", {},
    make("span", { class: "name" }, name), make("span", { class: "number" }, count(number)), bar(number / largest, kind)));
  const rest = entries.slice(most).reduce((sum, [, number]) => sum + number, 0);
  if (rest) rows.push(make("li", {}, make("span", { class: "name" }, "elsewhere"), make("span", { class: "number" }, count(rest))));
  return make("ul", { class: "ranking" }, ...rows);
}

export const none = (text) => make("p", { class: "none" }, text);

/** Pairs of a term and what there is to say of it. Nothing is no pair. */
export const pairs = (...rows) => rows.filter(([, value]) => value != null && value !== "")
  .map(([term, value]) => make("div", {}, make("dt", {}, term), make("dd", {}, value)));
