/** The workshop's requests to the study's server, for this debug run. */

const { facts } = globalThis.studyWorkshop;
const native = setTimeout.bind(globalThis); // skip.js makes the task's faster

export const sleep = (ms) => new Promise((resolve) => native(resolve, ms));

/** The address of a part of the workshop, for this run. */
export const address = (path) => `/workshop/${path}${path.includes("?") ? "&" : "?"}${facts.query}`;

/** Ask the server or, with `content`, tell it. @returns {Promise<Object>} */
export async function request(path, content) {
  const headers = { "Content-Type": "application/json" };
  const told = content && { method: "POST", headers, body: JSON.stringify(content) };
  const response = await fetch(address(path), { cache: "no-store", ...told });
  if (!response.ok) throw new Error(`The workshop's ${path} answered ${response.status}`);
  return response.json();
}
