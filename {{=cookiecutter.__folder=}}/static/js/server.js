/** Requests to the server that carry the study: what counts as an answer, and when to ask again. */

export const PATIENCE = 20000; // ms until a request counts as lost

/** A request that failed; has the fields of an XMLHttpRequest that error callbacks read. */
export class ServerError extends Error {
  constructor(message, response, responseText = "") {
    super(message);
    this.name = "ServerError";
    this.status = response?.status ?? 0;
    this.statusText = response?.statusText ?? "";
    this.responseText = responseText;
  }

  /** A refusal stays a refusal; anything else may be better in a moment. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && ![408, 429].includes(this.status);
  }
}

/** @returns {Promise<string>} the body of a successful answer */
export async function fetchText(url, options = {}) {
  let response;
  let text = "";
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE), ...options });
    text = await response.text();
  } catch (cause) {
    throw new ServerError(`${url} could not be reached: ${cause.message}`);
  }
  if (!response.ok) throw new ServerError(`${url} answered ${response.status}`, response, text);
  return text;
}

/** @returns {Promise<Object>} psiTurk's error pages and hotel log-in pages are 200 too, but not JSON */
export async function fetchJSON(url, options = {}) {
  const text = await fetchText(url, { cache: "no-store", ...options });
  try {
    return JSON.parse(text);
  } catch {
    throw new ServerError(`${url} answered with something that is not JSON`, undefined, text);
  }
}

export const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

/** Run `action` until it succeeds, is refused, or the pauses are used up. */
export async function repeatedly(action, pauses) {
  for (const pause of pauses) {
    try {
      return await action();
    } catch (error) {
      if (error.isFinal) throw error;
      await sleep(pause * (0.75 + Math.random() / 2)); // so that participants don't return all at once
    }
  }
  return action();
}
