/** What participants see while the study's server cannot be reached, or refuses their answers. */
import { offerFile, showLine, showNotice, untilPressed } from "./notice.js";
import { pauseAfter, sleep, untilOnline } from "./server.js";

const NOTICEABLE = 800; // ms after which a message says that answers are being saved
const WORRYING = 20000; // ms after which a failure needs a message, or a way to keep the answers
const IGNORED_FAILURES = 2; // at the start, before a message

const CANNOT_LOAD = {
  name: "load-failed",
  heading: "We could not reach the study",
  text: "Nothing is lost. Please check your internet connection. We keep trying.",
  button: "Try again now",
};
const NO_COOKIES = {
  name: "no-proof",
  heading: "Please allow cookies for this study",
  text: "Your browser did not keep the cookie by which the study knows that it is still you. Please allow "
    + "cookies for this page, then try again.",
  button: "Try again",
};
const SAVING = {
  name: "saving",
  heading: "Saving your answers …",
  text: "This takes a moment. Please keep this window open.",
};
const NOT_SAVED_YET = {
  name: "save-failed",
  heading: "Your answers are not saved yet",
  text: "We could not reach the study. Your answers are safe in this browser: please keep this window open "
    + "and check your internet connection. We keep trying.",
  button: "Try again now",
};
const REFUSED = {
  name: "save-refused",
  heading: "We could not take your answers",
  text: "This is our mistake, not yours. Please save your answers as a file and send it to us. You will not "
    + "lose what you were promised.",
  button: "Try again",
};
const UNREACHABLE = "We cannot reach the study's server at the moment. Your answers are kept in this browser; "
  + "please go on.";
const KEPT_HERE = "The study's server does not take your answers. They are kept in this browser; please go on. "
  + "At the end, or now, you can save them as a file.";

/** Load the record, however long it takes: without it, participants could not resume the task. */
export function loadWithDialog(load, contact) {
  let isRefused = false;
  const action = () => {
    if (!isRefused) return load();
    location.reload(); // which sets the cookie
    return new Promise(() => {});
  };
  return retryWithDialog(action, contact, (error, failures) => {
    isRefused = error.isFromTheStudy;
    if (error.reason === "no-proof") return NO_COOKIES;
    return (isRefused || failures > IGNORED_FAILURES) && CANNOT_LOAD;
  });
}

/** Save everything, however long it takes. @param {function(): string} json  gives the answers */
export async function saveWithDialog(save, contact, json) {
  let dialog;
  const slow = setTimeout(() => { dialog = showNotice(SAVING); }, NOTICEABLE);
  const stopWaiting = () => {
    clearTimeout(slow);
    dialog?.remove();
  };
  await retryWithDialog(save, contact, (error) => {
    stopWaiting();
    return error.isFromTheStudy ? REFUSED : NOT_SAVED_YET;
  }, json);
  stopWaiting();
}

/** Tell participants, without interrupting the task, that saves have been failing for a while. */
export function showConnectionState(saver, json) {
  let line;
  let timer;
  const removeLine = () => {
    line?.remove();
    line = undefined;
  };
  saver.addEventListener("change", () => {
    clearTimeout(timer);
    if (saver.isOver || saver.failingSince === null) removeLine();
    else if (saver.refusal) {
      removeLine();
      line = showLine(KEPT_HERE);
      offerFile(line, json);
    } else if (!line) {
      const delay = saver.failingSince + WORRYING - performance.now();
      timer = setTimeout(() => { line = showLine(UNREACHABLE); }, delay);
    }
  });
}

/** Run an action until it succeeds; `describe` chooses the dialog for a failure, if any. */
async function retryWithDialog(action, contact, describe, json) {
  let dialog;
  let offer;
  for (let failures = 1; ; failures++) {
    try {
      const answer = await action();
      dialog?.remove();
      clearTimeout(offer);
      return answer;
    } catch (error) {
      console.warn(error);
      const notice = describe(error, failures);
      if (notice && dialog?.dataset.notice !== notice.name) {
        dialog?.remove();
        clearTimeout(offer);
        dialog = showNotice({ ...notice, contact });
        if (json) offer = setTimeout(offerFile, error.isFromTheStudy ? 0 : WORRYING, dialog, json);
      }
      const signals = [untilOnline()];
      if (dialog) signals.push(untilPressed(dialog));
      if (!error.isFromTheStudy) signals.push(sleep(pauseAfter(failures)));
      await Promise.race(signals);
    }
  }
}
