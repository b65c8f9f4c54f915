/** What the researcher changes while a page is open, and whether the browser could read it. */

/** The times at which the files of the study were last changed. */
export class Changes {
  #made; // when the page was made
  #times = {};

  constructor({ made }) { this.#made = made; }

  /** @returns {string[]} the files that changed since this was called last, or since the page was made */
  note(times) {
    const before = this.#times;
    this.#times = times;
    return Object.keys(times).filter((file) => times[file] !== before[file] && times[file] > this.#made);
  }

  /** The files that changed since the page was made. */
  get all() { return Object.keys(this.#times).filter((file) => this.#times[file] > this.#made); }
}

/** Whether the page runs this file as a module, which can be read without being run. */
export const isScript = (file) =>
  /^static\/.*\.m?js$/.test(file) && !document.querySelector(`script[src$="/${file}"]:not([type="module"])`);

/** Whether an error is one of a module that was only to be read. */
export const isOfCheck = ({ filename, error, target }) =>
  /\.parse\?/.test(filename ?? "") || /\.parse\?/.test(target?.src ?? "") || error?.message === "parsed";

let checks = 0;

/** Let the browser read a module without running it. @returns {Promise<?Object>} the mistake in it, if any */
export function checkScript(file, { query }) {
  const script = document.createElement("script");
  const src = new URL(`/${file}.parse?${query}&check=${(checks += 1)}`, location.href).href;
  Object.assign(script, { type: "module", src });
  let problem = null;
  const listen = (event) => {
    if (!isOfCheck(event)) return;
    event.preventDefault(); // or the console would show it
    // An export that is missing may have been added to a file that this page has read before.
    const isMistake = event.filename === src && !/does not provide an export/.test(event.message);
    if (isMistake) problem = { message: event.message.replace(/^Uncaught /, ""), file, line: event.lineno };
  };
  window.addEventListener("error", listen, { capture: true });
  return new Promise((resolve) => {
    const finish = () => {
      window.removeEventListener("error", listen, { capture: true });
      script.remove();
      resolve(problem);
    };
    script.addEventListener("load", finish);
    script.addEventListener("error", finish);
    document.head.append(script);
  });
}
