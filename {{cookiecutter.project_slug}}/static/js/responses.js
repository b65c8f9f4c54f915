/** Waiting: for time to pass, for the screen, for the participant. Everything here is awaited. */

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The next time the screen is drawn. @returns {Promise<number>} in performance.now() time */
export const nextFrame = () =>
  new Promise((resolve) => requestAnimationFrame(() => resolve(performance.now())));

/**
 * One of `keys` (lower case). Held keys and combinations such as Ctrl+R do not count.
 * @returns {Promise<?{key: string, time: number}>} null when the deadline passes
 */
export function keyPressed(keys, deadline) {
  return new Promise((resolve) => {
    const finish = (answer) => {
      clearTimeout(timer);
      document.removeEventListener("keydown", listen);
      resolve(answer);
    };
    const listen = (event) => {
      const time = performance.now();
      const key = event.key.toLowerCase();
      if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || !keys.includes(key)) return;
      event.preventDefault();
      finish({ key, time });
    };
    const timer = setTimeout(finish, deadline, null);
    document.addEventListener("keydown", listen);
  });
}

/** A click, or Enter or Space, on the element. */
export const clicked = (selector) =>
  new Promise((resolve) => document.querySelector(selector).addEventListener("click", resolve, { once: true }));

/** The answers to a form, once the browser finds it complete. @returns {Promise<Object<string, string>>} */
export const submitted = (selector) =>
  new Promise((resolve) => {
    const form = document.querySelector(selector);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      resolve(Object.fromEntries(new FormData(form)));
    }, { once: true });
  });
