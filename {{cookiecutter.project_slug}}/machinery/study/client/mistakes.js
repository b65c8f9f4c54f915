/** The first script of a participant's page: tells the server of errors, once each (server/mistakes.py). */
(() => {
  const MOST = 10; // of a page
  const FRAME = /(https?:\/\/[^\s()?#]+?)([?#][^\s()]*?)?:(\d+):\d+/g; // of a stack, in every browser
  const told = new Set();
  const withoutQuery = (url = "") => url.split(/[?#]/)[0]; // the ids are there

  /** @param {Array<[string, number]>} places  addresses and lines, the innermost first */
  function tell(message, places) {
    const kind = `mistake ${location.search} ${places[0] ?? message.slice(0, 20)}`;
    if (told.size >= MOST || told.has(kind)) return;
    told.add(kind);
    try {
      if (sessionStorage[kind]) return; // told before a reload
      sessionStorage[kind] = 1;
    } catch { /* this browser keeps nothing */ }
    navigator.sendBeacon("/mistakes", JSON.stringify({ page: location.pathname, message: message.slice(0, 500), places }));
  }

  function hear({ target, error, reason = error, message, filename, lineno }) {
    try {
      if (target instanceof Element) return tell("", [[withoutQuery(target.currentSrc || target.src || target.href), 0]]);
      const isError = reason instanceof Error;
      const places = isError ? [...`${reason.stack}`.matchAll(FRAME)].map(([, file, , line]) => [file, +line]) : [];
      if (filename) places.unshift([withoutQuery(filename), lineno]);
      tell(isError ? `${reason.name}: ${reason.message}` : (reason == null && message) || typeof reason, places.slice(0, 5));
    } catch { /* an error here would be another one of the page */ }
  }

  window.addEventListener("error", hear, true);
  window.addEventListener("unhandledrejection", hear);
  document.addEventListener("psiturk-problem", ({ detail: error }) => hear({ error }));
})();
