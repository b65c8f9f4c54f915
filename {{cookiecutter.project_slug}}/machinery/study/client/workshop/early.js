/**
 * The first script of a page of a debug run: notes what goes wrong before workshop.js is loaded, and
 * hears of the task's psiTurk and jsPsych. Participants do not get it (study/server/workshop.py).
 */
(() => {
  const workshop = {
    facts: JSON.parse(document.currentScript.dataset.facts),
    /** The task's PsiTurk and the last jsPsych, once there are any. */
    client: null,
    jsPsych: null,
    /** What was heard before somebody listens: [kind, event or error]. */
    heard: [],
    hear(...what) { workshop.heard.push(what); },
    meetClient() {},
  };
  Object.defineProperty(globalThis, "studyWorkshop", { value: workshop });

  window.addEventListener("error", (event) => workshop.hear("error", event), { capture: true });
  window.addEventListener("unhandledrejection", (event) => workshop.hear("error", event));
  document.addEventListener("securitypolicyviolation", (event) => workshop.hear("refused", event));
  // Images that no page shows yet, and those of style sheets, fire no event that is heard here.
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => workshop.hear("loaded", entry)))
    .observe({ type: "resource", buffered: true });

  document.addEventListener("psiturk", ({ detail: client }) => {
    client.reportProblem = (error) => {
      console.error(error);
      workshop.hear("error", { error });
    };
    workshop.client = client;
    workshop.meetClient(client);
  });

  let init; // initJsPsych is a global variable of jsPsych's script
  Object.defineProperty(globalThis, "initJsPsych", {
    configurable: true,
    enumerable: true,
    get: () => init && ((...options) => (workshop.jsPsych = init(...options))),
    set: (value) => { init = value; },
  });
})();
