/** Make an element with these properties and children; a child may be a text. */
export function element(tag, { role, label, ...properties }, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (role) made.setAttribute("role", role);
  if (label) made.setAttribute("aria-label", label);
  made.append(...children);
  return made;
}
