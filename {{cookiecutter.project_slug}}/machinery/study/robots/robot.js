/**
 * A robot in place of a person. It looks at the page each time that this has come to rest, decides what
 * a person would do, and asks the program outside (participant.py) for real clicks and keys.
 *
 * `psiTurk.robot` in a task decides first (docs/trying.md of the study). A trial of jsPsych is answered
 * by jsPsych's own simulation, if its plugin has one.
 */
(() => {
  if (window !== window.top || !location.protocol.startsWith("http")) return;
  const PATIENCE = 600000; // ms of the page's time without a change
  const PATIENCE_AFTER_ERROR = 60000;
  const REST = 60; // ms without a change, after which a page is looked at

  const { seed, photographs, mishapAfter, pace } = globalThis.studyRobotPlan;
  const clock = globalThis.studyRobotClock;
  const offers = globalThis.studyRobotOffers;
  const memory = recall();
  const random = randomFrom(seed + performance.timeOrigin);
  const clients = []; // PsiTurk's of this page
  let jsPsych;
  let shown = { name: "", line: "", first: null }; // what showPage() showed last
  let changed = 0; // when the page last changed
  let acted = 0; // when the robot last did something
  let vain = 0; // acts without any change after them
  let covered = "";
  let patience = PATIENCE;
  let wake = () => {};

  // A client announces itself before the task begins.
  document.addEventListener("psiturk", ({ detail: psiTurk }) => {
    clients.push(psiTurk);
    const { taskdata, showPage } = psiTurk;
    if (!taskdata?.saver) return; // of an old task, before the record is open
    const add = taskdata.addTrialData.bind(taskdata);
    taskdata.addTrialData = (row) => {
      const kept = add(row);
      memory.recorded++;
      noteChange(); // which may be drawn on a canvas
      remember();
      return kept;
    };
    psiTurk.showPage = (name) => {
      const line = new Error().stack;
      showPage.call(psiTurk, name);
      shown = { name, line, first: pageRoot().firstElementChild };
    };
  });

  globalThis.studyRobot = {
    wake: () => wake(),
    freeze: clock.freeze,
  };
  simulateJsPsych();
  window.addEventListener("pagehide", remember);
  for (const type of ["error", "unhandledrejection"]) {
    window.addEventListener(type, () => { patience = PATIENCE_AFTER_ERROR; });
  }
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(noteChange).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    const [{ responseStatus }] = performance.getEntriesByType("navigation");
    if (responseStatus >= 400) return refuse(responseStatus);
    if (mishapAfter && location.pathname === "/exp") meetMishap();
    return live().catch((error) => stop(`psiTurk.robot: ${error.message}`, error.stack));
  });

  async function live() {
    acted = changed = clock.now();
    for (;;) {
      await new Promise((resolve) => { wake = resolve; clock.sleep(500).then(resolve); });
      await comeToRest();
      if (await act(describeScreen())) acted = clock.now();
      if (clock.now() - changed > patience) return stop(covered || describeStandstill(), shown.line);
    }
  }

  function noteChange() {
    changed = clock.now();
    vain = 0;
    wake();
  }

  const describeStandstill = () => (vain
    ? "what the robot pressed changed nothing"
    : "nothing on the page can be pressed or filled in");

  async function comeToRest() {
    const begun = clock.now();
    while (clock.now() - changed < REST && clock.now() - begun < 1000) await clock.sleep(REST / 2);
  }

  /** Do what a person would do now. @returns {Promise<boolean>} false if there is nothing to do */
  async function act(screen) {
    if (isSimulated()) {
      const isDrawn = jsPsych.getDisplayElement().childElementCount > 0;
      return arriveAt(screen, isDrawn && jsPsych.getCurrentTrial().choices !== "NO_KEYS");
    }
    const dialog = document.querySelector("dialog[open]");
    if (dialog?.dataset.notice === "problem") return stop("the task reported a problem", shown.line);
    const root = dialog ?? document.body;
    const since = Math.max(changed, acted);
    const answer = dialog ? undefined : await ownAnswer(pageRoot());
    if (answer === null) return false;
    if (answer) {
      await arriveAt(screen, true);
      return carryOut(answer, root, since);
    }
    const fields = offers.findFields(root);
    const buttons = offers.findButtons(root);
    // jsPsych and its tasks listen before there is anything to answer.
    const isListening = jsPsych && !jsPsych.getCurrentTrial() ? 0 : offers.listensSince();
    if (!fields.length && !buttons.length && !isListening) return false;
    await arriveAt(screen, true);
    if (!fields.length && isListening && (isListening > acted || !buttons.length || vain % 2)) {
      const keys = offers.findKeys(root, memory.keys);
      return press(keys[Math.floor(random() * keys.length)], since + reactionTime());
    }
    await fill(fields, {}, screen);
    const [button] = offers.findButtons(root).sort((a, b) => pressed(a) - pressed(b) || random() - 0.5);
    return button ? click(button) : fields.length > 0;
  }

  async function ownAnswer(root) {
    const answer = clients.map((client) => client.robot).find(Boolean);
    return answer ? answer(root) : undefined;
  }

  /** Carry out what psiTurk.robot answered. */
  async function carryOut({ after = reactionTime(), press: key, click: target, fill: values }, root, since) {
    if (values) {
      await fill(offers.findFields(root), values, describeScreen());
      target ??= offers.findButtons(root)[0];
    }
    if (key !== undefined) return press(key, since + after);
    const found = typeof target === "string" ? root.querySelector(target) : target;
    if (!found) throw new Error(`there is no ${target} on this page to click`);
    await waitUntil(since + after);
    return Array.isArray(found) ? ask({ click: found }) : click(found);
  }

  async function fill(fields, values, screen) {
    let place = memory.visits[screen]; // counts through all combinations, from a random one on
    for (const field of fields) {
      const pick = (number, part = "") => {
        const chosen = (place + Math.floor(random.fixed(screen + field.name + part) * number)) % number;
        place = Math.floor(place / number);
        return chosen;
      };
      for (const step of offers.plan(field, pick, values[field.name])) {
        if (step.click) await click(step.click, step.at);
        else if (step.set) setValue(step.set, step.value);
        else {
          step.into.select?.();
          await ask({ type: step.type });
        }
      }
    }
    const wrong = fields.flatMap((field) => field.members).find(({ field }) => !field.checkValidity());
    if (wrong) await stop(`the field ${wrong.field.name} takes none of the robot's answers (${wrong.field.validationMessage})`, shown.line);
  }

  function setValue(field, value) {
    field.value = value;
    for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, { bubbles: true }));
  }

  /** Click in the middle of an element, or so far from its left edge. */
  async function click(element, at = 0.5) {
    element.scrollIntoView({ block: "center", behavior: "instant" });
    const [box] = element.getClientRects();
    const [x, y] = [box.left + box.width * at, box.top + box.height / 2];
    const hit = document.elementFromPoint(x, y);
    if (!hit || !(element.contains(hit) || hit.contains(element) || hit.closest("label")?.contains(element))) {
      covered = `“${element.innerText || element.name || element.id}” is covered by ${hit ? describe(hit) : "the window's edge"}`;
      return false;
    }
    element.studyRobotPresses = pressed(element) + 1;
    vain++;
    await ask({ click: [x, y] });
    return true;
  }

  const pressed = (element) => element.studyRobotPresses ?? 0;

  async function press(key, time) {
    await waitUntil(time);
    vain++;
    await ask({ press: key });
    return true;
  }

  const waitUntil = (time) => clock.sleep(Math.max(0, time - clock.now()));

  /** Note a page, how long a person reads it, and let it be photographed when it waits for an answer. */
  async function arriveAt(screen, isWaiting) {
    if (!isWaiting) return false;
    if (!(screen in memory.visits)) {
      memory.visits[screen] = 0;
      memory.reading += readingTime();
      if (photographs) await ask({ picture: screen });
    }
    if (screen !== memory.screen || changed > memory.since) memory.visits[screen]++;
    [memory.screen, memory.since] = [screen, clock.now()];
    return false;
  }

  /** Seconds for what can be read and answered on this page. */
  function readingTime() {
    const words = document.body.innerText.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
    const fields = offers.findFields(document.body);
    const texts = fields.filter(({ type }) => ["text", "textarea"].includes(type)).length;
    return words / pace.words * 60 + (fields.length - texts) * pace.question + texts * pace.text;
  }

  /** The element that shows pages, as in participant.js. */
  const pageRoot = () => document.querySelector("[data-page-root]") ?? document.body;

  /** A name for what the page shows: the page of templates/, else its heading. */
  function describeScreen() {
    if (location.pathname !== "/exp") return { "/pub": "ad.html", "/ad": "ad.html" }[location.pathname] ?? `${location.pathname.slice(1)}.html`;
    if (shown.first?.isConnected) return shown.name;
    const heading = [...document.querySelectorAll("h1, h2")].find((each) => each.checkVisibility());
    return heading?.innerText.trim().slice(0, 60) || document.querySelector("main [id], body [id]")?.id || "exp.html";
  }

  function describe(element) {
    const name = element.id ? `#${element.id}` : [...element.classList].map((each) => `.${each}`).join("");
    return `<${element.localName}${name && ` ${name}`}>`;
  }

  /** From a distribution like people's: half of them within 0.6 s, a few much slower. In ms. */
  function reactionTime() {
    const normal = Array.from({ length: 12 }, random).reduce((sum, each) => sum + each) - 6;
    return Math.max(180, 450 + 60 * normal - 150 * Math.log(1 - random()));
  }

  /** Let jsPsych answer its own trials, with the page drawn and keys pressed. */
  function simulateJsPsych() {
    let init;
    Object.defineProperty(window, "initJsPsych", {
      configurable: true,
      get: () => init,
      set(original) {
        init = (...options) => {
          jsPsych = original(...options);
          const { run, simulate } = jsPsych;
          jsPsych.run = (timeline) => {
            jsPsych.run = run; // simulate() calls it
            return simulate.call(jsPsych, timeline, "visual");
          };
          return jsPsych;
        };
      },
    });
  }

  function isSimulated() {
    const plugin = jsPsych?.getCurrentTrial?.()?.type;
    return typeof plugin?.prototype?.simulate === "function";
  }

  async function meetMishap() {
    const left = mishapAfter - memory.elapsed;
    if (memory.hadMishap || left < 0) return;
    await clock.sleep(left);
    memory.hadMishap = true;
    remember();
    await ask({ mishap: true });
  }

  /** Stop at an error page of the server's, with what it says. */
  function refuse(status) {
    const said = document.body.innerText.replace(/\s+/g, " ").trim().slice(0, 300);
    return ask({ refused: `${location.pathname} answered with status ${status}: ${said}` });
  }

  async function stop(reason, stack = "") {
    await ask({ stop: reason, page: describeScreen(), stack });
    return new Promise(() => {});
  }

  /** Ask the program outside for something that only it can do. Meanwhile the page's time stands still. */
  async function ask(message) {
    remember();
    clock.freeze();
    await globalThis.studyRobotDriver(message);
    clock.thaw();
    return true;
  }

  function recall() {
    const kept = JSON.parse(sessionStorage.getItem("study-robot") ?? "null");
    return kept ?? { recorded: 0, visits: {}, keys: [], reading: 0, elapsed: 0, screen: "", since: 0 };
  }

  function remember() {
    if (location.pathname === "/exp") {
      memory.elapsed += clock.now() - (memory.counted ?? 0);
      memory.counted = clock.now();
    }
    sessionStorage.setItem("study-robot", JSON.stringify({ ...memory, counted: undefined }));
  }

  /** A random number generator (mulberry32), with a fixed number for each text. */
  function randomFrom(start) {
    let state = start | 0;
    const next = () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
    next.fixed = (text) => [...text].reduce((hash, each) => (hash * 31 + each.charCodeAt(0)) % 9973, seed) / 9973;
    return next;
  }
})();
