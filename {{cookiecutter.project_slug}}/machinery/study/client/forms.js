/**
 * Forms: their answers with types, and what is missing, in words beside the question.
 *
 * Fields of one name are one question. The page alone decides what kind of answer it has, never
 * what was ticked; null means that there is no answer, or that the field was switched off (disabled).
 *
 *     several checkboxes, select multiple    a list of the chosen values, empty if there are none
 *     one checkbox                           true or false
 *     number, range                          a number; a slider has none until it is used
 *     radio buttons, buttons that submit     the value of the chosen one
 *     text, date, select and all others      text; a date is 2026-11-28
 *     several of these under one name        a list with the answer to each
 *
 * A field with the attribute `required` must be answered; one of several checkboxes, or of several
 * radio buttons, speaks for all of them. `data-problem` on a field, a fieldset or the form replaces
 * the words that are shown.
 */
import { WORDS } from "./words.js";

// By the names of ValidityState. What is missing is not among them: see findProblem().
const WRONG = {
  badInput: ({ type }) => (type === "number" ? WORDS.notNumber : WORDS.incomplete),
  rangeUnderflow: ({ min }) => WORDS.least(min),
  rangeOverflow: ({ max }) => WORDS.most(max),
  stepMismatch: ({ step }) => (step === "" || step === "1" ? WORDS.notWhole : WORDS.step(step)),
  tooShort: ({ minLength }) => WORDS.shortest(minLength),
  tooLong: ({ maxLength }) => WORDS.longest(maxLength),
  typeMismatch: () => WORDS.form,
  patternMismatch: ({ title }) => title || WORDS.form,
  customError: ({ validationMessage }) => validationMessage,
};
const MISSING = {
  checkbox: ({ length }) => (length > 1 ? WORDS.noneTicked : WORDS.notTicked),
  radio: () => WORDS.noChoice,
  range: () => WORDS.noPlace,
  "select-one": () => WORDS.noChoice,
  "select-multiple": () => WORDS.noChoice,
};
const TOGETHER = ["radio", "checkbox", "submit"]; // types whose fields of one name share an answer
const NO_ANSWERS = ["fieldset", "output", "button", "reset", "object"];
const USES_SLIDER = /^( |Arrow|Home|End|Page)/; // keys

const messages = new WeakMap(); // of the first field of each question with a problem

/**
 * @typedef {{name: string, fields: HTMLInputElement[]}} Question
 *
 * Read the answers to a form as it is now, by the names of its fields (or, without a name, the ids).
 * @param {HTMLFormElement} form
 * @param {?HTMLElement} [submitter]  the button that submitted it
 * @returns {Object<string, ?(string|number|boolean|Array)>}
 */
export function readForm(form, submitter = null) {
  const answers = new Map();
  for (const question of findQuestions(form)) {
    answers.set(question.name, [...(answers.get(question.name) ?? []), readAnswer(question, submitter)]);
  }
  return Object.fromEntries([...answers].map(([name, given]) => [name, given.length > 1 ? given : given[0]]));
}

/**
 * Wait until a form is submitted with every answer that it requires.
 * @returns {Promise<Object>} as readForm()
 */
export function untilSubmitted(form) {
  prepare(form);
  return new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { submitter } = event;
      if (submitter?.formNoValidate || isComplete(form)) resolve(readForm(form, submitter));
    });
  });
}

function findQuestions(form) {
  const questions = [];
  for (const field of form.elements) {
    const name = field.name || field.id;
    if (NO_ANSWERS.includes(field.type) || (field.type === "submit" && !name)) continue;
    if (!name) throw new Error(`A field has no name, so its answer would be lost: ${field.outerHTML}`);
    if (field.type === "file") throw new Error(`A study cannot store files, as of ${name}`);
    const isSame = ({ name: other, fields: [{ type }] }) => other === name && type === field.type;
    const question = TOGETHER.includes(field.type) && questions.find(isSame);
    if (question) question.fields.push(field);
    else questions.push({ name, fields: [field] });
  }
  return questions;
}

function readAnswer({ fields }, submitter) {
  const inUse = fields.filter((field) => !field.matches(":disabled"));
  if (!inUse.length) return null;
  const [{ type, value, valueAsNumber, checked, dataset, selectedOptions }] = inUse;
  const values = (chosen) => [...chosen].map((each) => each.value);
  const one = (chosen) => chosen?.value ?? null;
  switch (type) {
    case "checkbox": return fields.length > 1 ? values(inUse.filter((box) => box.checked)) : checked;
    case "select-multiple": return values(selectedOptions);
    case "radio": return one(inUse.find((button) => button.checked));
    case "submit": return one(inUse.find((button) => button === submitter));
    case "number": return value === "" ? null : valueAsNumber;
    case "range": return dataset.answered === "false" ? null : valueAsNumber;
    case "hidden": return value;
    default: return value === "" ? null : value;
  }
}

/** What is wrong with an answer, in words; empty if nothing is. */
function findProblem(question) {
  const fields = question.fields.filter((field) => !field.matches(":disabled"));
  const own = fields[0]?.closest("[data-problem]")?.dataset.problem;
  for (const [flag, describe] of Object.entries(WRONG)) {
    const wrong = fields.find((field) => field.validity?.[flag]);
    if (wrong) return own ?? describe(wrong);
  }
  if (!fields.some((field) => field.required)) return "";
  const answer = readAnswer(question, null);
  if (answer !== null && answer !== false && answer.length !== 0) return "";
  return own ?? MISSING[fields[0].type]?.(question.fields) ?? WORDS.missing;
}

/** Show what is wrong with each answer, and lead to the first. @returns {boolean} whether nothing is */
function isComplete(form) {
  const wrong = findQuestions(form).filter((question) => showProblem(question, findProblem(question)));
  if (!wrong.length) return true;
  const field = wrong[0].fields.find((each) => !each.matches(":disabled"));
  field.focus({ preventScroll: true });
  messages.get(wrong[0].fields[0]).scrollIntoView({ block: "center" });
  return false;
}

/** Show a problem in words, or take away those that were shown. @returns {boolean} whether there is one */
function showProblem(question, problem) {
  const { fields } = question;
  const shown = messages.get(fields[0]);
  if (shown?.textContent === problem) return true;
  shown?.remove();
  messages.delete(fields[0]);
  const message = problem && putMessage(question, problem);
  for (const field of fields) {
    if (problem) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    const described = (field.getAttribute("aria-describedby") ?? "").split(/\s+/);
    const ids = [...described.filter((id) => id && id !== shown?.id), ...(message ? [message.id] : [])];
    if (ids.length) field.setAttribute("aria-describedby", ids.join(" "));
    else field.removeAttribute("aria-describedby");
  }
  return problem !== "";
}

let numberOfMessages = 0;

/** Put words below the legend of a question's own fieldset, or else before its first field. */
function putMessage({ fields }, text) {
  const [first] = fields;
  const message = document.createElement("span");
  Object.assign(message, { className: "problem", id: `problem-${++numberOfMessages}`, textContent: text });
  const set = first.closest("fieldset");
  const legend = set?.querySelector(":scope > legend");
  const isOwn = legend && [...set.elements].every((each) => fields.includes(each) || NO_ANSWERS.includes(each.type));
  if (isOwn) legend.after(message);
  else (first.closest("label") ?? first).before(message);
  messages.set(first, message);
  return message;
}

function prepare(form) {
  form.noValidate = true; // its problems are shown on the page, not in the browser's bubbles
  // On a shared computer, a browser would offer what an earlier participant wrote.
  if (!form.hasAttribute("autocomplete")) form.autocomplete = "off";
  findQuestions(form).forEach(({ fields }) => fields.forEach((field) => field.type === "range" && prepareSlider(field)));
  const update = () => findQuestions(form)
    .filter(({ fields }) => messages.has(fields[0]))
    .forEach((question) => showProblem(question, findProblem(question)));
  for (const event of ["input", "change", "keyup", "pointerup"]) form.addEventListener(event, update);
}

/**
 * A slider would be answered before anybody has touched it, so it counts once it was used. The page
 * may show its value: <output for="…">.
 */
function prepareSlider(slider) {
  const own = [...slider.form.querySelectorAll("output")].find(({ htmlFor }) => htmlFor.contains(slider.id));
  const output = own ?? document.createElement("output");
  if (!own) slider.after(output);
  output.setAttribute("aria-live", "off"); // screen readers say the slider's own value
  output.textContent = WORDS.slider;
  slider.dataset.answered = "false"; // which study.css shows
  slider.setAttribute("aria-valuetext", WORDS.unanswered);
  const use = () => {
    slider.dataset.answered = "true";
    slider.removeAttribute("aria-valuetext");
    output.textContent = own ? slider.value : "";
  };
  slider.addEventListener("input", use);
  slider.addEventListener("pointerup", use);
  slider.addEventListener("keydown", ({ key }) => USES_SLIDER.test(key) && use());
}
