/**
 * What the page says about the participant, in the data- attributes of exp.html's body or, on pages
 * made for psiturk.js, of the script drop-in.js or in the page's global variables. Tasks find these
 * variables on either page.
 */
const { dataset } = document.querySelector("[data-unique-id]") ?? document.body;

if (document.body.dataset.uniqueId !== undefined) {
  const { uniqueId, adServerLoc, mode, codeversion } = dataset;
  Object.assign(globalThis, {
    uniqueId, adServerLoc, mode, codeversion,
    condition: Number(dataset.condition),
    counterbalance: Number(dataset.counterbalance),
    contact_address: dataset.contactAddress,
  });
}

const { uniqueId, adServerLoc, mode, contact_address: address } = globalThis;
if (!uniqueId) throw new Error("participant.js found no uniqueId on this page: see templates/exp.html");

export const page = {
  uniqueId, adServerLoc, mode,
  /** How a participant reaches the researcher: an address and, for those who should not tell theirs, another way. */
  contact: { address, messages: dataset.contactMessages },
  /** A test run may be left and repeated freely. psiturk.js treats debug mode in this way. */
  isTestRun: dataset.testRun === undefined ? mode === "debug" : dataset.testRun === "true",
  /** Whether the task had begun before, if the page says it. @type {boolean|undefined} */
  resumed: dataset.resumed ? dataset.resumed === "true" : undefined,
  /** Which signals of a person the study records (signals.js). @type {string[]} */
  signals: dataset.signals?.split(" ").filter(Boolean) ?? [],
};
