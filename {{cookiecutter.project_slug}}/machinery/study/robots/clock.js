/**
 * The clock of a robot's page. It runs `speed` times as fast as a real one, at the real rate while the
 * page is loaded or waits for the server, and not at all while it is frozen. Nor does it pass the time of a timer
 * before that has been called: however busy the computer is, the page is never late.
 *
 * It runs before the page's own scripts and replaces what they read the time from: performance.now(),
 * Date, the time stamps of events and frames, and timers. Sounds, films, CSS and workers keep real time.
 */
(() => {
  if (window !== window.top || !location.protocol.startsWith("http")) return;
  const { speed } = globalThis.studyRobotPlan;
  const FRAME = 1000 / 60;
  const MOST_LOOKS = 10000; // at a time that stands still, by a script that waits in a loop
  const { setTimeout: startTimer, clearTimeout: stopTimer, fetch } = window;
  const realNow = performance.now.bind(performance);
  const RealDate = Date;
  const soon = new MessageChannel(); // browsers make timers within timers wait for 4 ms
  /** @type {Map<number, {id: number, due: number, interval?: number, call: function()}>} */
  const timers = new Map();
  let lastTimer = 0;
  let next; // the timer that is due first
  let waiting; // the real timer for it
  let frozen = 0;
  let requests = 1; // the first is for the page and its scripts
  let looks = 0;
  let rate = 1;
  let changed = realNow(); // real time of the last change, and the page's at that moment
  let shown = changed;

  function toPage(time) {
    const passed = shown + Math.max(0, time - changed) * rate;
    if (!next || passed <= next.due || ++looks > MOST_LOOKS) return passed;
    return Math.max(shown, next.due);
  }

  const now = () => toPage(realNow());

  /** Wait for the timer that is due first. */
  function arm() {
    next = undefined;
    for (const timer of timers.values()) if (!next || timer.due < next.due) next = timer;
    stopTimer(waiting);
    if (!next || !rate) return;
    const delay = (next.due - now()) / rate;
    if (delay > 0) waiting = startTimer(tick, delay);
    else soon.port2.postMessage(0);
  }

  function tick() {
    if (!next || !rate || now() < next.due) return arm();
    const timer = next;
    [shown, changed, looks] = [Math.max(shown, timer.due), realNow(), 0];
    if (timer.interval === undefined) timers.delete(timer.id);
    else timer.due = shown + timer.interval;
    arm();
    timer.call();
  }
  soon.port1.onmessage = tick;

  function updateRate() {
    const wanted = frozen ? 0 : requests ? 1 : speed;
    if (wanted === rate) return;
    [shown, changed] = [now(), realNow()];
    rate = wanted;
    arm();
  }

  function add(callback, delay, args, repeats) {
    const ms = Math.max(0, Number(delay) || 0);
    const timer = { id: ++lastTimer, due: now() + ms, call: () => callback(...args) };
    if (repeats) timer.interval = Math.max(ms, 4); // as browsers do
    timers.set(timer.id, timer);
    arm();
    return timer.id;
  }

  function remove(id) {
    if (timers.delete(id)) arm();
  }

  // A page that follows another goes on from its time: Date never goes back in one window.
  const begun = Math.max(RealDate.now(), Number(sessionStorage.getItem("study-robot-time")) || 0) - now();
  const today = () => Math.round(begun + now());
  window.addEventListener("pagehide", () => sessionStorage.setItem("study-robot-time", today()));

  performance.now = now;
  window.setTimeout = (callback, delay, ...args) => add(callback, delay, args, false);
  window.setInterval = (callback, delay, ...args) => add(callback, delay, args, true);
  window.requestAnimationFrame = (callback) => add(() => callback(now()), FRAME - (now() % FRAME), [], false);
  window.clearTimeout = window.clearInterval = window.cancelAnimationFrame = remove;
  window.Date = new Proxy(RealDate, {
    construct: (target, args, made) => Reflect.construct(target, args.length ? args : [today()], made),
    apply: () => new RealDate(today()).toString(),
    get: (target, name) => (name === "now" ? today : Reflect.get(target, name)),
  });
  RealDate.prototype.constructor = window.Date;
  const { get: realStamp } = Object.getOwnPropertyDescriptor(Event.prototype, "timeStamp");
  Object.defineProperty(Event.prototype, "timeStamp", {
    configurable: true, enumerable: true, get() { return toPage(realStamp.call(this)); },
  });
  document.addEventListener("DOMContentLoaded", () => { requests--; updateRate(); });
  window.fetch = async (...request) => {
    requests++;
    updateRate();
    try {
      return await fetch.apply(window, request);
    } finally {
      requests--;
      updateRate();
    }
  };

  globalThis.studyRobotClock = {
    now,
    sleep: (ms) => new Promise((resolve) => { window.setTimeout(resolve, ms); }),
    freeze() { frozen++; updateRate(); },
    thaw() { frozen--; updateRate(); },
  };
})();
