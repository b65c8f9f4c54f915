/** Waiting for the server in front of the participant, where the study cannot go on without it. */
import { online, pauseAfter, sleep } from "./server.js";
import { offerFile, pressed, showLine, showNotice } from "./notice.js";

const A_MOMENT = 800; // ms that nobody minds
const A_WHILE = 20000; // ms after which somebody may wonder
const BLIPS = 2; // failures at the start that are not worth a message

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
const NOT_TAKEN = {
  name: "save-refused",
  heading: "We could not take your answers",
  text: "It is our mistake, not yours. Please save your answers as a file and send it to us. You will not lose "
    + "what you were promised.",
  button: "Try again",
};
const UNREACHABLE = "We cannot reach the study's server at the moment. Your answers are kept in this browser; "
  + "please go on.";
const KEPT_HERE = "The study's server does not take your answers. They are kept in this browser; please go on. "
  + "At the end, or now, you can save them as a file.";

/** Load the record; without it, nobody could go on where they stopped. */
export function loading(load, contact) {
  let isRefused = false;
  const action = () => {
    if (!isRefused) return load();
    location.reload(); // the page brings the cookie
    return new Promise(() => {});
  };
  return untilDone(action, contact, (error, failures) => {
    isRefused = error.isFromTheStudy;
    if (error.reason === "no-proof") return NO_COOKIES;
    return (isRefused || failures > BLIPS) && CANNOT_LOAD;
  });
}

/** Save everything, however long it takes. @param {function(): string} json  the answers */
export async function savingAll(save, contact, json) {
  let dialog;
  const slow = setTimeout(() => { dialog = showNotice(SAVING); }, A_MOMENT);
  const away = () => {
    clearTimeout(slow);
    dialog?.remove();
  };
  await untilDone(save, contact, (error) => {
    away();
    return error.isFromTheStudy ? NOT_TAKEN : NOT_SAVED_YET;
  }, json);
  away();
}

/** Tell the participant, calmly and without stopping the task, when saves have failed for a while. */
export function reassure(saver, json) {
  let line;
  let timer;
  const away = () => {
    line?.remove();
    line = undefined;
  };
  saver.addEventListener("change", () => {
    clearTimeout(timer);
    if (saver.isOver || saver.failingSince === null) away();
    else if (saver.refusal) {
      away();
      line = showLine(KEPT_HERE);
      offerFile(line, json);
    } else if (!line) {
      const left = saver.failingSince + A_WHILE - performance.now();
      timer = setTimeout(() => { line = showLine(UNREACHABLE); }, left);
    }
  });
}

async function untilDone(action, contact, describe, json) {
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
        if (json) offer = setTimeout(offerFile, error.isFromTheStudy ? 0 : A_WHILE, dialog, json);
      }
      const wake = [online()];
      if (dialog) wake.push(pressed(dialog));
      if (!error.isFromTheStudy) wake.push(sleep(pauseAfter(failures)));
      await Promise.race(wake);
    }
  }
}
