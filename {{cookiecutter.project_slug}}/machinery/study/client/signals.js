/**
 * Signals of who takes part, a person or a program. What is kept are counts and times; never what was
 * typed, pasted or pressed. `signals` in config.txt says which are recorded, and the consent page names
 * them (study/signals.py). The record gets one event "signals" for each window, when it ends.
 *
 *     paste         characters that were pasted or dropped into each field, and copied from the page
 *     typing        [keys, of these held shorter than BRIEF, intervals between keys in a field, their mean
 *                   and standard deviation in ms, characters that came without a key]
 *     hidden        [how often the page was hidden, for how many seconds in all]
 *     untrusted     [clicks, keys and inputs that a script made, of how many in all]
 *     webdriver     1 if the browser says that a program steers it
 *     hidden_field  1 if a field has text that people do not see
 *     pointer       [mouse clicks, each away from the one before; of these without a movement; in the centre]
 *
 * A watch has listeners by the type of event, and `sum`. Events of scripts come to `untrusted` alone.
 */
const BRIEF = 15; // ms; fingers hold a key for 50 to 150
const PAUSE = 2000; // ms; longer intervals are thought, not rhythm
const SAME_PLACE = 20; // px
const FAR = 50; // px; a hand needs several frames, and so several events, for it
const FEW_MOVES = 2;
const REACTION = 100; // ms in which the page's own scripts may press what a person's press leads to
const PHRASE = 20; // characters at once; a keyboard suggests words

const TEXT = "textarea, [contenteditable], input:not([type]), "
  + ["text", "search", "email", "url", "tel", "number", "password"].map((type) => `input[type=${type}]`).join(", ");
const CLICKABLE = "button, a, label, input, select, textarea, [role=button], [data-key]";

const isText = ({ target }) => Boolean(target.matches?.(TEXT));

const WATCHES = {
  paste() {
    const pasted = {};
    let copied = 0;
    let own = "";
    const bare = (text) => text.replace(/\s+/g, "");
    const take = (event) => {
      const { value, selectionStart, selectionEnd } = event.target;
      const text = isText(event) ? value?.slice(selectionStart, selectionEnd) ?? "" : String(getSelection());
      own = bare(text);
      return isText(event) ? 0 : text.length; // moving one's own text about is no copy of the page
    };
    const put = ({ target }, data) => {
      const text = data?.getData("text/plain") ?? "";
      const name = target.name || target.id || target.localName;
      if (text && bare(text) !== own) pasted[name] = (pasted[name] ?? 0) + text.length;
    };
    return {
      copy(event) { copied += take(event); },
      cut(event) { copied += take(event); },
      dragstart(event) { take(event); },
      paste(event) { put(event, event.clipboardData); },
      drop(event) { if (isText(event)) put(event, event.dataTransfer); },
      sum: () => ({ ...(Object.keys(pasted).length && { pasted }), ...(copied && { copied }) }),
    };
  },

  typing({ byTouch }) {
    const down = new Map(); // by the key's place on the keyboard, until it is released
    const gaps = { number: 0, sum: 0, squares: 0 };
    let [keys, brief, alone] = [0, 0, 0];
    let last = {}; // key in a field
    let isPressed = false; // since the last character
    return {
      keydown(event) {
        const { code, repeat, timeStamp, target } = event;
        isPressed = true;
        if (repeat || byTouch) return; // keys on a screen have no length
        down.set(code, timeStamp);
        if (!isText(event)) return;
        const gap = timeStamp - last.timeStamp;
        if (last.target === target && gap < PAUSE) {
          gaps.number++;
          gaps.sum += gap;
          gaps.squares += gap * gap;
        }
        last = { target, timeStamp };
      },
      keyup({ code, timeStamp }) {
        if (!down.has(code)) return;
        keys++;
        if (timeStamp - down.get(code) < BRIEF) brief++;
        down.delete(code);
      },
      input(event) {
        const { inputType, isComposing, data } = event;
        if (byTouch || isComposing || inputType !== "insertText" || !isText(event)) return;
        const { length } = data ?? "";
        if (!isPressed || length >= PHRASE) alone += length;
        isPressed = false;
      },
      sum() {
        const mean = gaps.sum / (gaps.number || 1);
        const deviation = Math.sqrt(Math.max(0, gaps.squares / (gaps.number || 1) - mean * mean));
        return [keys, brief, gaps.number, Math.round(mean), Math.round(deviation), alone];
      },
    };
  },

  hidden() {
    let [times, ms, since] = [0, 0, 0];
    return {
      visibilitychange({ target, timeStamp }) {
        if (target.hidden) [times, since] = [times + 1, timeStamp];
        else ms += timeStamp - since;
      },
      sum: () => [times, Math.round(ms / 1000)],
    };
  },

  untrusted() {
    let [made, all, touched] = [0, 0, -Infinity];
    const touch = ({ isTrusted }) => { if (isTrusted) touched = performance.now(); };
    const count = ({ isTrusted }) => {
      if (!isTrusted && performance.now() - touched < REACTION) return;
      all++;
      if (!isTrusted) made++;
    };
    return {
      pointerdown: touch,
      keydown(event) { touch(event); count(event); },
      click: count,
      input: count,
      sum: () => [made, all],
    };
  },

  webdriver: () => ({ sum: () => Number(Boolean(navigator.webdriver)) }),

  hidden_field({ decoys }) {
    return { sum: () => Number(decoys.some(({ value }) => value !== "")) };
  },

  pointer() {
    let [clicks, jumps, centred, moves] = [0, 0, 0, 0];
    let last;
    return {
      pointermove() { moves++; },
      pointerdown({ pointerType, target, clientX: x, clientY: y }) {
        if (pointerType !== "mouse") return; // nor screen readers, which name no type
        const distance = last ? Math.hypot(x - last.x, y - last.y) : SAME_PLACE;
        if (distance >= SAME_PLACE) {
          const { left, top, width, height } = (target.closest(CLICKABLE) ?? target).getBoundingClientRect();
          const isCentre = Math.abs(left + width / 2 - x) <= 1 && Math.abs(top + height / 2 - y) <= 1;
          clicks++;
          if (distance > FAR && moves <= FEW_MOVES) jumps++;
          if (isCentre) centred++;
        }
        [last, moves] = [{ x, y }, 0];
      },
      sum: () => [clicks, jumps, centred],
    };
  },
};

export class Signals {
  #watches;
  #listeners = new Map(); // by the type of event
  #record;
  #decoys = [];

  /**
   * @param {string[]} names  of WATCHES
   * @param {function(Object)} record  gets the sums, once
   */
  constructor(names, record, { byTouch = matchMedia("(pointer: coarse)").matches } = {}) {
    const about = { byTouch, decoys: this.#decoys };
    this.#record = record;
    this.#watches = names.filter((name) => name in WATCHES).map((name) => [name, WATCHES[name](about)]);
    for (const [name, { sum, ...listeners }] of this.#watches) {
      for (const [type, listener] of Object.entries(listeners)) {
        const own = name === "untrusted" ? listener : (event) => event.isTrusted && listener(event);
        this.#listeners.set(type, [...this.#listeners.get(type) ?? [], own]);
      }
    }
  }

  /** Watch this window until it is left. */
  watch() {
    for (const type of this.#listeners.keys()) {
      window.addEventListener(type, (event) => this.see(event), { capture: true, passive: true });
    }
    window.addEventListener("pagehide", () => this.record(), { capture: true }); // before the last save
    return this;
  }

  /** Take an event into account. */
  see(event) { for (const listener of this.#listeners.get(event.type)) listener(event); }

  /** Record the sums, unless they are recorded. */
  record() {
    this.#record?.(Object.fromEntries(this.#watches.map(([name, { sum }]) => [name, sum()])));
    this.#record = undefined;
  }

  /** Give a form a field that nobody can see, hear, reach or answer, and that is none of its own. */
  addDecoy(form) {
    if (!this.#watches.some(([name]) => name === "hidden_field")) return;
    const box = document.createElement("div");
    box.style.cssText = "position:absolute;inline-size:1px;block-size:1px;overflow:hidden;clip-path:inset(50%)";
    box.inert = true;
    box.ariaHidden = "true";
    box.innerHTML = '<label>Website <input type="text" name="website" form="none" tabindex="-1" autocomplete="off"></label>';
    form.append(box);
    this.#decoys.push(box.querySelector("input"));
  }
}
