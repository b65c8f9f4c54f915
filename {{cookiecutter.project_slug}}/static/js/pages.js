/**
 * The pages of templates/ on the screen: the colours filled in, the bar that shows how far a
 * participant is, the buttons to answer with, and the feedback of the practice.
 *
 * In a page, {word} and {colour} are the example of stimuli.js, {key} is the key for its colour, and
 * {WORD}, {COLOUR} and {KEY} are the same in capitals. An element with data-each="colour" is repeated
 * for each colour, and stands for that colour. The classes ink-red and so on print in its ink.
 */
import { COLOURS, EXAMPLE, findColour } from "./stimuli.js";

/** Fill the colours in. @param {Object<string, string>} pages  the HTML of each, by its name */
export function fillPages(pages) {
  const inks = document.head.appendChild(document.createElement("style"));
  inks.textContent = COLOURS.map(({ name, ink }) => `.ink-${name} { color: ${ink}; }`).join("\n");
  for (const [name, html] of Object.entries(pages)) pages[name] = fillPage(html);
}

function fillPage(html) {
  const page = document.createElement("template");
  page.innerHTML = html;
  for (const item of page.content.querySelectorAll('[data-each="colour"]')) {
    item.removeAttribute("data-each");
    item.outerHTML = COLOURS.map((colour) => fill(item.outerHTML, colour)).join(" ");
  }
  return fill(page.innerHTML, EXAMPLE.colour);
}

function fill(html, colour) {
  const values = { word: EXAMPLE.word.name, colour: colour.name, key: colour.key };
  const lower = html.replace(/\{(word|colour|key)\}/g, (_, name) => values[name]);
  return lower.replace(/\{(WORD|COLOUR|KEY)\}/g, (_, name) => values[name.toLowerCase()].toUpperCase());
}

/**
 * Show in the header of exp.html how far the participant is.
 * @param {number} step  counted from 1
 * @param {number} steps  how many there are
 * @param {number} [done]  how much of this step is done, from 0 to 1
 */
export function showStep(step, steps, done = 0) {
  document.querySelector("#step").textContent = `Step ${step} of ${steps}`;
  document.querySelector("#progress").value = (step - 1 + done) / steps;
}

/** What the practice says about an answer, in HTML: a sign and a word, not colour alone. */
export function feedbackOn({ colour, response, correct }) {
  if (correct) return '<strong class="right">✓ Right</strong>';
  const solution = 'The colour was {colour}<span class="by-key">: press <kbd>{KEY}</kbd></span>.';
  const verdict = `<strong class="wrong">✗ ${response ? "Wrong" : "Too slow"}</strong> `;
  return verdict + fill(solution, findColour(colour));
}

/**
 * Listen to the buttons of stage.html.
 * @param {function(string, string)} answer  is given the key of the button, and by what it was pressed:
 *   "touch", "pen" or "mouse"
 * @param {AddEventListenerOptions} [options]  a signal ends it
 */
export function listenToButtons(answer, options) {
  document.addEventListener("pointerdown", (event) => {
    const button = event.target.closest("[data-key]");
    if (!button) return;
    event.preventDefault();
    answer(button.dataset.key, event.pointerType);
  }, options);
}
