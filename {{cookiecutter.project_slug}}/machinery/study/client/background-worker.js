/** The worker of background.js. */
import { postEntries } from "./server.js";

self.onmessage = async ({ data: { number, url, entries } }) => {
  try {
    self.postMessage({ number, answer: await postEntries(url, entries) });
  } catch ({ message, status, statusText, responseText }) {
    self.postMessage({ number, error: { message, status, statusText, responseText } });
  }
};
