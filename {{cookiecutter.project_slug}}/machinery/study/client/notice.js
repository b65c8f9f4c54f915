/** Messages to the participant: dialogs over the page, and a line that leaves the page usable. */
import { WORDS } from "./words.js";

let isLast = false; // has the last notice been shown, over which none may come

/**
 * Show a dialog over the page, which the participant cannot dismiss.
 * @param {{name: string, heading: string, text: string, button?: string,
 *     contact?: {address: string, messages?: string}}} notice  contact: for when nothing else helps (page.js)
 * @returns {HTMLDialogElement}
 */
export function showNotice({ name, heading, text, button, contact }) {
  const dialog = document.createElement("dialog");
  dialog.className = "notice";
  dialog.dataset.notice = name;
  dialog.setAttribute("aria-labelledby", `notice-${name}`);
  dialog.setAttribute("closedby", "none");
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // the Escape key
  const add = (tag, content) => {
    const element = dialog.appendChild(document.createElement(tag));
    element.append(...[content].flat());
    return element;
  };
  add("h2", heading).id = `notice-${name}`;
  add("p", text);
  if (contact?.address) {
    const link = document.createElement("a");
    link.href = `mailto:${contact.address}`;
    link.textContent = contact.address;
    add("p", WORDS.help(link, contact.messages));
  }
  if (button) addButton(dialog, button).autofocus = true;
  if (isLast) return dialog;
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Show a notice after which this window has nothing more to say. */
export function showLastNotice(notice) {
  for (const earlier of document.querySelectorAll("dialog.notice")) earlier.remove();
  showNotice(notice);
  isLast = true;
}

/** Wait until the dialog's first button is pressed. */
export const untilPressed = (dialog) =>
  new Promise((resolve) => dialog.querySelector("button").addEventListener("click", resolve, { once: true }));

/** Add a button that saves the answers as a file. @param {function(): string} json  gives its content */
export function offerFile(notice, json) {
  if (notice.querySelector(".quiet")) return;
  const button = addButton(notice, WORDS.saveFile);
  button.classList.add("quiet");
  button.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([json()], { type: "application/json" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: "my-answers.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
    button.textContent = WORDS.savedFile;
  });
}

/**
 * Show a line at the bottom of the window that interrupts nothing.
 * @returns {HTMLElement} call its remove() to take it away
 */
export function showLine(text) {
  const line = document.createElement("aside");
  line.className = "line";
  line.setAttribute("role", "status");
  const words = line.appendChild(document.createElement("span"));
  document.documentElement.append(line); // outside of the body, which tasks for psiturk.js replace
  words.textContent = text; // screen readers announce text that is added to an existing status
  return line;
}

function addButton(notice, text) {
  let actions = notice.querySelector(".actions");
  if (!actions) {
    actions = notice.appendChild(document.createElement("div"));
    actions.className = "actions";
  }
  const button = document.createElement("button");
  return actions.appendChild(Object.assign(button, { type: "button", className: "button", textContent: text }));
}
