/** Messages to the participant: dialogs that lie over the page, and a line that leaves it usable. */

/**
 * Show a message over the page until it is dealt with.
 * @param {{name: string, heading: string, text: string, button?: string, contact?: string}} notice
 *     contact: the e-mail address to write to when nothing else helps
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
  if (contact) {
    const link = document.createElement("a");
    link.href = `mailto:${contact}`;
    link.textContent = contact;
    add("p", ["We can help: write to ", link, "."]);
  }
  if (button) addButton(dialog, button).autofocus = true;
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

export const pressed = (dialog) =>
  new Promise((done) => dialog.querySelector("button").addEventListener("click", done, { once: true }));

/** Add a button that saves the answers as a file. @param {function(): string} json  makes its text */
export function offerFile(notice, json) {
  if (notice.querySelector(".quiet")) return;
  const button = addButton(notice, "Save my answers as a file");
  button.classList.add("quiet");
  button.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([json()], { type: "application/json" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: "my-answers.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
    button.textContent = "Saved. Once more?";
  });
}

/**
 * Show a line at the edge of the window that neither covers nor stops anything.
 * @returns {HTMLElement} its text can be replaced; remove() takes it away
 */
export function showLine(text) {
  const line = document.createElement("aside");
  line.className = "line";
  line.setAttribute("role", "status");
  const words = line.appendChild(document.createElement("span"));
  document.documentElement.append(line); // outside the body, which tasks for psiturk.js replace
  words.textContent = text; // read out, because it comes into a status that is there already
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
