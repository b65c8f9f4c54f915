/** The first script of a participant's page: tells the server of errors, each once (server/mistakes.py). */
(() => {
  const FRAME = /(https?:\/\/[^\s()?#]+?)([?#][^\s()]*?)?:(\d+):\d+/g; // of a stack, in every browser
  const told = new Set();
  const withoutIds = (url = "") => url.split(/[?#]/)[0];

  function tell(message, places) {
    const kind = `mistake ${location.search} ${places[0] ?? message}`;
    if (told.size > 9 || told.has(kind)) return;
    told.add(kind);
    try {
      if (sessionStorage[kind]) return; // told before a reload
      sessionStorage[kind] = 1;
    } catch { /* this browser keeps nothing */ }
    navigator.sendBeacon("/mistakes", JSON.stringify({ page: location.pathname, message, places }));
  }

  function hear({ target, error, reason = error, message, filename, lineno }) {
    try {
      if (target instanceof Element) return tell("", [[withoutIds(target.currentSrc || target.src || target.href), 0]]);
      const { name, message: text, stack } = reason instanceof Error ? reason : {};
      const places = [...`${stack}`.matchAll(FRAME)].map(([, file, , line]) => [file, +line]).slice(0, 4);
      if (filename) places.unshift([withoutIds(filename), lineno]);
      tell(name ? `${name}: ${text}`.slice(0, 500) : (reason == null && message) || typeof reason, places);
    } catch { /* an error here would be another one of the page */ }
  }

  addEventListener("error", hear, true);
  addEventListener("unhandledrejection", hear);
  document.addEventListener("psiturk-problem", ({ detail: error }) => hear({ error }));
})();
