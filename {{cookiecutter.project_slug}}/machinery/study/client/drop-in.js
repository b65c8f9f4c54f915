/**
 * psiturk.js for tasks that were written for it: plain scripts, which run while the page is being read.
 *
 *     <script src="/static/js/drop-in.js" data-unique-id="…" …></script>
 *
 * in the place of psiturk.js gives them the global function PsiTurk, and participant.js behind it: what
 * a task records is journalled in the browser and nothing is lost. jQuery, Underscore and Backbone are
 * used if the page has them.
 *
 * participant.js is a module that first opens the record, and these scripts do not wait for that. So
 * what they call meanwhile is done as soon as the record is open, in its order, and the page's load
 * events are held back until then. Pages are fetched at once and while everything waits, as psiTurk 2
 * did: most tasks were written for it and show a page in the line after preloadPages().
 */
(() => {
  const ASSET = document.currentScript.src;
  const release = holdStartEvents();
  /** What waits for the record. @type {Array<function(Object): void>} */
  const waiting = [];
  let client; // participant.js's own PsiTurk, once the record is open
  let shared; // the one PsiTurk of this page, however often a task asks for it
  const notifications = connectBackbone();

  const whenOpen = (action) => {
    if (client) return Promise.resolve(action(client));
    return new Promise((resolve, reject) => {
      waiting.push((opened) => Promise.resolve().then(() => action(opened)).then(resolve, reject));
    });
  };

  /** Psiturk.js's constructor, which labs also call without `new`. */
  globalThis.PsiTurk = function PsiTurk(uniqueId, adServerLoc, mode) {
    shared ??= build(uniqueId, adServerLoc, mode);
    return shared;
  };

  function build(uniqueId, adServerLoc, mode = "live") {
    const pages = {};
    const early = { data: [], eventdata: [], questiondata: {} }; // recorded before the record is open
    const later = (name) => (...args) => {
      if (client) return client[name](...args);
      whenOpen((opened) => opened[name](...args)).catch(report);
      return undefined;
    };
    const getPage = (name) => {
      if (!(name in pages)) fetchNow(name, pages);
      return pages[name];
    };

    // Functions of their own, not methods: labs write `success: psiTurk.completeHIT`.
    const self = {
      pages,
      taskdata: earlyTaskData(uniqueId, adServerLoc, mode, early),
      preloadImages: (urls) => [...urls].forEach((src) => Object.assign(new Image(), { src })),
      preloadPages(names) {
        for (const name of [names].flat()) getPage(name);
        return Promise.resolve();
      },
      getPage,
      showPage(name) {
        const page = getPage(name);
        if (client) {
          client.pages[name] = page;
          client.showPage(name);
        } else showNow(page);
      },
      recordTrialData: (row) => self.taskdata.addTrialData(row),
      recordUnstructuredData: (field, value) => self.taskdata.addUnstructuredData(field, value),
      getTrialData: () => self.taskdata.getTrialData(),
      getEventData: () => self.taskdata.getEventData(),
      getQuestionData: () => self.taskdata.getQuestionData(),
      saveData(callbacks) {
        const saved = whenOpen((opened) => opened.saveData(callbacks));
        saved.catch(report);
        return saved;
      },
      computeBonus: later("computeBonus"),
      doInstructions(names, callback) {
        self.preloadPages(names);
        whenOpen(async (opened) => {
          Object.assign(opened.pages, pages);
          await opened.readInstructions([...names]);
          self.finishInstructions();
          callback?.();
        }).catch(report);
      },
      getInstructionIndicator: () => client?.getInstructionIndicator(),
      finishInstructions: (message) => notifications.trigger("_psiturk_finishedinstructions", message),
      startTask: later("startTask"),
      teardownTask: (message) => notifications.trigger("_psiturk_finishedtask", message),
      completeHIT() {
        self.teardownTask();
        whenOpen((opened) => {
          const { adServerLoc: end } = self.taskdata;
          if (end) opened.taskdata.adServerLoc = end;
          return opened.completeHIT();
        }).catch(report);
      },
      leave: later("leave"),
      reportProblem: later("reportProblem"),
    };
    document.dispatchEvent(new CustomEvent("psiturk", { detail: self }));
    notifications.on("_psiturk_finishedinstructions", self.startTask);
    notifications.on("_psiturk_finishedtask", later("teardownTask"));
    open(uniqueId, adServerLoc, mode).then((opened) => {
      client = opened;
      self.taskdata = asBackboneModel(opened.taskdata);
      Object.assign(self, { progress: opened.progress, random: opened.random.bind(opened) });
      waiting.splice(0).forEach((action) => action(opened));
      setTimeout(release);
    }).catch(report);
    return self;
  }

  async function open(uniqueId, adServerLoc, mode) {
    // A page may declare them with `let`, which makes no global variables.
    for (const [name, value] of Object.entries({ uniqueId, adServerLoc, mode })) globalThis[name] ??= value;
    await untilRead();
    const { PsiTurk } = await import(new URL("participant.js", ASSET));
    return new PsiTurk();
  }

  /** The record before it is open: what is recorded here enters it as soon as it is. */
  function earlyTaskData(id, adServerLoc, mode, { data, eventdata, questiondata }) {
    const known = { id, mode, data, eventdata, questiondata, currenttrial: 0, bonus: 0 };
    for (const name of ["condition", "counterbalance"]) known[name] = globalThis[name];
    return {
      id, adServerLoc, mode, attributes: known,
      get: (name) => known[name],
      set(name, value) {
        const changes = typeof name === "object" ? name : { [name]: value };
        Object.assign(known, changes);
        whenOpen((opened) => opened.taskdata.set(changes)).catch(report);
        return this;
      },
      addTrialData(trialdata) {
        data.push({ uniqueid: id, current_trial: data.length, dateTime: Date.now(), trialdata });
        whenOpen((opened) => opened.recordTrialData(trialdata)).catch(report);
      },
      addUnstructuredData(field, value) {
        questiondata[field] = value;
        whenOpen((opened) => opened.recordUnstructuredData(field, value)).catch(report);
      },
      addEvent: (type, value) => { whenOpen((opened) => opened.taskdata.addEvent(type, value)).catch(report); },
      getTrialData: () => data,
      getEventData: () => eventdata,
      getQuestionData: () => questiondata,
      toJSON: () => ({ ...known }),
      fetch: () => Promise.resolve(),
      save: (changes, callbacks) => { whenOpen((opened) => opened.taskdata.save(changes, callbacks)).catch(report); },
    };
  }

  /** The record as tasks expect it: nobody awaits a save, so its failure is told to `error` alone. */
  function asBackboneModel(taskdata) {
    const save = taskdata.save.bind(taskdata);
    taskdata.save = (...args) => {
      const saved = save(...args);
      saved.catch(report);
      return saved;
    };
    return globalThis.Backbone?.Events ? Object.assign(taskdata, globalThis.Backbone.Events) : taskdata;
  }

  /** Psiturk.js's notifications, by which tasks may begin and end, through Backbone if it is there. */
  function connectBackbone() {
    const { Backbone, _ } = globalThis;
    if (!Backbone?.Events) {
      const listeners = {};
      return {
        on: (name, listener) => { (listeners[name] ??= []).push(listener); },
        trigger: (name, ...args) => { for (const listener of listeners[name] ?? []) listener(...args); },
      };
    }
    Backbone.Notifications = (_?.extend ?? Object.assign)({}, Backbone.Events);
    const notify = (name, ...args) => Backbone.Notifications.trigger(`_psiturk_${name}`, ...args);
    window.addEventListener("blur", () => notify("lostfocus"));
    window.addEventListener("focus", () => notify("gainedfocus"));
    window.addEventListener("resize", () => notify("windowresize", [window.innerWidth, window.innerHeight]));
    return Backbone.Notifications;
  }

  function fetchNow(name, pages) {
    const rendered = [...document.querySelectorAll("template[data-page]")]
      .find((template) => template.dataset.page === name);
    if (rendered) {
      pages[name] = rendered.innerHTML;
      return;
    }
    const request = new XMLHttpRequest();
    request.open("GET", new URL(name, `${location.origin}/`), false);
    request.send();
    if (request.status !== 200) throw new Error(`The page ${name} could not be loaded (status ${request.status})`);
    pages[name] = request.responseText;
  }

  function showNow(page) {
    document.body.replaceChildren(document.createRange().createContextualFragment(page));
    window.scrollTo(0, 0);
  }

  /** Until the page's own scripts have run: they may declare what participant.js reads. */
  function untilRead() {
    if (document.readyState !== "loading") return Promise.resolve();
    return new Promise((resolve) => {
      document.addEventListener("readystatechange", resolve, { once: true });
    });
  }

  /** Hold back the events on which a waiting task goes on. @returns {function(): void} fires those that came */
  function holdStartEvents() {
    const held = [];
    const types = ["DOMContentLoaded", "load"];
    const hold = (event) => {
      // Nothing waits before the task asks for PsiTurk, as on an ad page or in a load event itself.
      if (!shared || event.target !== document) return;
      event.stopImmediatePropagation();
      held.push(event);
    };
    for (const type of types) window.addEventListener(type, hold, { capture: true });
    return () => {
      for (const type of types) window.removeEventListener(type, hold, { capture: true });
      for (const { type, bubbles } of held) {
        (bubbles ? document : window).dispatchEvent(new Event(type, { bubbles }));
      }
    };
  }

  function report(error) { console.warn(error); }
})();
