/** Messages to the participant that lie over the page until they are dealt with. */

/**
 * Show a message over the page.
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
  if (button) Object.assign(add("button", button), { type: "button", autofocus: true });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

export const pressed = (dialog) =>
  new Promise((done) => dialog.querySelector("button").addEventListener("click", done, { once: true }));
