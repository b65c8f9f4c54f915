/**
 * The clock of a robot's page. It runs `speed` times as fast as a real one, at the real rate while the
 * page waits for the server, and not at all while it is frozen: what the robot's browser does between
 * two moments of the page takes none of the page's time, however busy the computer is.
 *
 * It runs before the page's own scripts and replaces what they read the time from: performance.now(),
 * Date, the time stamps of events and frames, and timers. Sounds, films, CSS and workers keep real time.
 */
(() => {
  if (window !== window.top || !location.protocol.startsWith("http")) return;
  const { speed } = globalThis.studyRobotPlan;
  const FRAME = 1000 / 60;
  const { setTimeout: startTimer, clearTimeout: stopTimer, fetch } = window;
  const realNow = performance.now.bind(performance);
  const RealDate = Date;
  const timers = new Map();
  let lastTimer = 0;
  let frozen = 0;
  let requests = 0;
  let rate = speed;
  let changed = realNow(); // real time of the last change of rate, and the page's at that moment
  let shown = changed;

  const toPage = (time) => shown + Math.max(0, time - changed) * rate;
  const now = () => toPage(realNow());

  function arm(timer) {
    stopTimer(timer.real);
    if (rate) timer.real = startTimer(fire, Math.max(0, timer.due - now()) / rate, timer);
  }

  function fire(timer) {
    if (timer.interval === undefined) timers.delete(timer.id);
    else {
      timer.due += timer.interval;
      arm(timer);
    }
    timer.callback(...timer.args);
  }

  function updateRate() {
    const wanted = frozen ? 0 : requests ? 1 : speed;
    if (wanted === rate) return;
    [shown, changed] = [now(), realNow()];
    rate = wanted;
    for (const timer of timers.values()) arm(timer);
  }

  function add(callback, delay, args, repeats) {
    const ms = Math.max(0, Number(delay) || 0);
    const timer = { id: ++lastTimer, callback, args, due: now() + ms };
    if (repeats) timer.interval = Math.max(ms, 4); // as browsers do
    timers.set(timer.id, timer);
    arm(timer);
    return timer.id;
  }

  function remove(id) {
    stopTimer(timers.get(id)?.real);
    timers.delete(id);
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
