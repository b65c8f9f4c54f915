/**
 * What a page offers to a person: fields to fill in, buttons to press, keys to type. The generic robot
 * answers at random, but never the same way twice if a page comes back, so that it passes a test of
 * comprehension sooner or later.
 */
(() => {
  if (window !== window.top || !location.protocol.startsWith("http")) return;
  const TYPED = "text search tel url email password number".split(" ");
  const CHOSEN = "date time month week color datetime-local".split(" ");
  const SAMPLES = { date: "2000-01-31", time: "12:30", month: "2000-01", week: "2000-W05", color: "#336699",
    "datetime-local": "2000-01-31T12:30", email: "robot@example.org", url: "https://example.org/", tel: "5550100" };
  const WORDS = "A robot wrote this, to see whether it arrives: äöü, “quoted”, <b>, 100 %.";
  // And psiTurk's links from page to page.
  const BUTTONS = "button, input[type=submit], input[type=button], [role=button], a.button, .btn, "
    + "a[href*='/consent?'], a[href*='/exp?']";
  const AVOIDED = ".leave, .previous, #disagree, .quiet";
  const AVOIDED_WORDS = /^\W*(previous|back|quit|leave|stop|cancel|withdraw|decline|exit|i do not|i don.t|disagree)/i;
  const NAMED_KEYS = { space: " ", spacebar: " ", enter: "Enter", return: "Enter", "↵": "Enter", esc: "Escape",
    escape: "Escape", tab: "Tab", "←": "ArrowLeft", "→": "ArrowRight", "↑": "ArrowUp", "↓": "ArrowDown",
    left: "ArrowLeft", right: "ArrowRight", up: "ArrowUp", down: "ArrowDown" };
  const USUAL_KEYS = [" ", "Enter", "f", "j", "ArrowLeft", "ArrowRight", "1", "2", "3", "4", "y", "n"];
  const KEY_EVENTS = ["keydown", "keyup", "keypress"];

  /** Listeners for keys, with when they were added. */
  const listening = new Map();
  watchListeners();

  const isVisible = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
  const isUsable = (element) => isVisible(element) && !element.matches(":disabled, [aria-disabled=true], [inert] *");
  const all = (root, selector) => [...root.querySelectorAll(selector)];

  /** Fields of a page that can be filled in, those of one name that exclude each other together. */
  function findFields(root) {
    const fields = new Map();
    for (const field of all(root, "input, select, textarea")) {
      const shown = isUsable(field) ? field : [...field.labels ?? []].find(isUsable);
      if (!shown || field.readOnly || field.matches(":disabled") || /^(hidden|submit|button|reset|image)$/.test(field.type)) continue;
      const key = ["radio", "checkbox"].includes(field.type) ? `${field.type} ${field.name || field.id}` : field;
      if (!fields.has(key)) fields.set(key, { name: field.name || field.id, type: field.type, members: [] });
      fields.get(key).members.push({ field, shown });
    }
    return [...fields.values()];
  }

  /** Where to click, and what to type, for one field. `pick` chooses among so many possibilities. */
  function plan({ type, members }, pick, wanted) {
    const [{ field, shown }] = members;
    const click = (target, at) => ({ click: target, at });
    if (type === "radio") {
      const chosen = members.find((each) => each.field.value === String(wanted)) ?? members[pick(members.length)];
      return [click(chosen.shown)];
    }
    if (type === "checkbox") {
      const values = wanted === undefined ? undefined : [wanted].flat().map(String);
      const ticked = members.filter(({ field: box }, place) => (values
        ? values.includes(box.value) || wanted === true
        : box.required || members.length === 1 || pick(2, place)));
      return (ticked.length || values ? ticked : members.slice(0, 1))
        .filter((each) => !each.field.checked).map((each) => click(each.shown));
    }
    if (field.matches("select")) {
      const options = [...field.options].filter((option) => !option.disabled && option.value !== "");
      const chosen = wanted ?? options[pick(options.length || 1)]?.value;
      return chosen === undefined ? [] : [{ set: field, value: chosen }];
    }
    if (type === "range") return wanted === undefined ? [click(shown, 0.1 + pick(9) / 10)] : [{ set: field, value: wanted }];
    if (CHOSEN.includes(type)) return [{ set: field, value: wanted ?? SAMPLES[type] }];
    if (type === "file" || (field.value && wanted === undefined)) return [];
    const text = String(wanted ?? (type === "number" ? pickNumber(field, pick) : pickText(field)));
    return TYPED.includes(type) || field.matches("textarea") ? [click(shown), { type: text, into: field }] : [];
  }

  function pickNumber(field, pick) {
    const least = Number(field.min || 18);
    const most = Math.max(least, Number(field.max || least + 50));
    const step = Number(field.step) || 1;
    return least + step * pick(Math.floor((most - least) / step) + 1);
  }

  function pickText(field) {
    const text = SAMPLES[field.type] ?? (field.matches("textarea") ? WORDS : "robot");
    const long = field.minLength > 0 ? text.padEnd(field.minLength, "x") : text;
    return field.maxLength > 0 ? long.slice(0, field.maxLength) : long;
  }

  /** Buttons that lead on, the likeliest first. */
  function findButtons(root) {
    const text = (button) => button.innerText || button.value || "";
    const usable = all(root, BUTTONS).filter((button) => isUsable(button)
      && !button.matches(AVOIDED) && !AVOIDED_WORDS.test(text(button).trim()));
    const leading = usable.filter((button) => button.matches(".continue, [type=submit], form button:not([type])"));
    return leading.length ? leading : usable;
  }

  /** The keys that a page names in <kbd>, or those that earlier pages named, or some usual ones. */
  function findKeys(root, known) {
    const named = all(root, "kbd").filter(isVisible).map((each) => each.innerText.trim());
    const keys = named.map((name) => NAMED_KEYS[name.toLowerCase()] ?? (name.length === 1 ? name.toLowerCase() : ""));
    for (const key of keys) if (key && !known.includes(key)) known.push(key);
    const usable = keys.filter(Boolean);
    return usable.length ? usable : known.length ? known : USUAL_KEYS;
  }

  /** When the page last began to listen for keys; 0 if it does not. */
  function listensSince() {
    const own = KEY_EVENTS.some((type) => document[`on${type}`] || window[`on${type}`] || document.body?.[`on${type}`]);
    return Math.max(own ? 1 : 0, ...[...listening.values()].map((each) => each.since));
  }

  function watchListeners() {
    const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
    const name = (target, type, listener, options) => {
      const phase = typeof options === "object" ? Boolean(options?.capture) : Boolean(options);
      return [...listening.keys()].find((each) => each.target === target && each.type === type
        && each.listener === listener && each.phase === phase) ?? { target, type, listener, phase };
    };
    const forget = (key) => listening.delete(key);
    EventTarget.prototype.addEventListener = function addEventListener(type, listener, options) {
      if (KEY_EVENTS.includes(type) && listener) {
        const key = name(this, type, listener, options);
        listening.set(key, { since: globalThis.studyRobotClock.now() });
        options?.signal && add.call(options.signal, "abort", () => forget(key));
        if (options?.once) add.call(this, type, () => forget(key), options);
        globalThis.studyRobot?.wake();
      }
      return add.call(this, type, listener, options);
    };
    EventTarget.prototype.removeEventListener = function removeEventListener(type, listener, options) {
      if (KEY_EVENTS.includes(type)) forget(name(this, type, listener, options));
      return remove.call(this, type, listener, options);
    };
  }

  globalThis.studyRobotOffers = { findFields, plan, findButtons, findKeys, listensSince, isVisible };
})();
