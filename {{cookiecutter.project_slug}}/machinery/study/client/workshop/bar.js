/** A small bar at the bottom of the page: the run's condition, a way ahead, and what is stored. */
import { element } from "./elements.js";
import { address } from "./server.js";
import { Skipper } from "./skip.js";

const FOLDED = "study-workshop-folded"; // in localStorage
const MOMENT = 300; // ms
const BEFORE_THE_TASK = ["/ad", "/pub", "/consent"];

export class Bar {
  #workshop;
  #skipper;
  #bar = element("section", { className: "bar", role: "region", label: "Workshop" });
  #fold = button("", "fold", "");
  #problems = button("", "problems-button", "What went wrong");
  #counters = element("span", { className: "counters" });
  #note = element("p", { className: "note", role: "status", hidden: true });
  #stored = 0;

  /** @param {function(): void} showProblems  is called when the researcher asks for them */
  constructor(root, workshop, showProblems) {
    this.#workshop = workshop;
    this.#skipper = new Skipper(workshop);
    this.#problems.hidden = true;
    this.#problems.addEventListener("click", showProblems);
    this.#fold.addEventListener("click", () => this.#setFolded(!this.#isFolded));
    const inside = element("div", { className: "inside" },
      element("strong", { textContent: "Debug run" }), this.#picker(), this.#skipButton(),
      this.#counters, this.#dataLink());
    this.#bar.append(this.#note, inside, this.#problems, this.#fold);
    root.append(this.#bar);
    this.#setFolded(localStorage.getItem(FOLDED) === "true");
    setInterval(() => this.#count(), MOMENT);
    this.#count();
    new ResizeObserver(() => this.#makeRoom()).observe(this.#bar);
  }

  /** Say how many trials the server has. */
  showStored({ trials }) { this.#stored = trials; }

  countProblems(number) {
    this.#problems.hidden = !number;
    this.#problems.textContent = number === 1 ? "1 mistake" : `${number} mistakes`;
  }

  /** Say that files of the study were changed since the page was loaded. */
  showChanged(files) {
    const reload = button("Reload", "", "");
    reload.addEventListener("click", () => location.reload());
    const names = files.length > 2 ? `${files.length} files` : files.join(" and ");
    this.#say(`${names} changed. `, reload);
  }

  #say(...content) {
    this.#note.replaceChildren(...content);
    this.#note.hidden = !content.length;
  }

  get #isFolded() { return this.#bar.classList.contains("folded"); }

  #setFolded(isFolded) {
    localStorage.setItem(FOLDED, isFolded);
    this.#bar.classList.toggle("folded", isFolded);
    this.#fold.textContent = isFolded ? "Workshop" : "Fold";
    this.#fold.setAttribute("aria-expanded", !isFolded);
  }

  /** Keep the end of the page out of the bar's way. */
  #makeRoom() {
    document.documentElement.style.paddingBottom = this.#isFolded ? "" : `${this.#bar.offsetHeight}px`;
  }

  #count() {
    const recorded = this.#workshop.client?.taskdata.getTrialData().length ?? this.#stored;
    this.#counters.textContent = `${this.#stored} of ${recorded} stored`;
    this.#counters.title = `Lines of data: ${recorded} recorded by the task, ${this.#stored} stored by the server`;
  }

  /** A form that begins another run in the condition of one's choice. */
  #picker() {
    const { conditions, counterbalances, condition, counterbalance } = this.#workshop.facts;
    const form = element("form", { method: "post", action: address("run") });
    const choose = (name, label, number, chosen) => {
      const options = Array.from({ length: number }, (_, value) => new Option(value, value, false, value === chosen));
      const select = element("select", { name }, ...options);
      form.append(element("label", {}, element("span", { textContent: `${label} ` }), select));
      return select;
    };
    const select = choose("condition", "Condition", conditions, condition);
    if (counterbalances > 1) choose("counterbalance", "Order", counterbalances, counterbalance);
    form.append(element("button", { type: "submit", textContent: "New run", title: "Take part anew in this condition" }));
    nameConditions(select);
    return form;
  }

  #dataLink() {
    const link = { href: address("data"), target: "_blank", rel: "noopener" };
    return element("a", link, "Data", element("span", { textContent: " so far" }));
  }

  #skipButton() {
    if (BEFORE_THE_TASK.includes(location.pathname)) {
      return element("a", { href: `/exp?${this.#workshop.facts.query}`, textContent: "Skip to the task" });
    }
    if (location.pathname !== "/exp" || document.querySelector("[data-mistake]")) return "";
    const skip = button("Skip ahead", "skip", "Go to the next part of the study");
    skip.addEventListener("mousedown", (event) => event.preventDefault()); // the task keeps the focus
    skip.addEventListener("click", () => this.#skip(skip));
    return skip;
  }

  async #skip(skip) {
    if (this.#skipper.isSkipping) {
      this.#skipper.stop();
      return;
    }
    skip.textContent = "Stop";
    const problem = await this.#skipper.skip();
    skip.textContent = "Skip ahead";
    this.#say(...(problem ? [problem] : []));
  }
}

/** Take the names from the example's static/js/conditions.js, if the task has such a file. */
async function nameConditions(select) {
  const module = document.querySelector('link[rel="modulepreload"][href$="/js/conditions.js"]');
  if (!module) return;
  try {
    const { CONDITIONS } = await import(module.href);
    for (const option of select.options) {
      const { name } = CONDITIONS[option.value] ?? {};
      if (name) option.textContent = `${option.value}: ${name}`;
    }
  } catch { /* numbers will do; a mistake in the file is told elsewhere */ }
}

const button = (textContent, className, title) => element("button", { type: "button", textContent, className, title });
