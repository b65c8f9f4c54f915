/** A panel over the page with the researcher's mistakes, each with its line. */
import { element } from "./elements.js";

export class Overlay {
  #panel;
  #list;
  #heading;
  #told = new Set();
  #failed = []; // what went wrong in this page
  #wrong = []; // what is wrong in the files now
  #tell;

  /** @param {function(number): void} tell  is told how many problems there are */
  constructor(root, tell) {
    this.#tell = tell;
    this.#heading = element("h2", {});
    this.#list = element("div", { className: "problems" });
    const hide = element("button", { type: "button", className: "plain", textContent: "Hide" });
    hide.addEventListener("click", () => this.toggle(false));
    const head = element("header", {}, this.#heading, hide);
    this.#panel = element("section", { className: "overlay", hidden: true, role: "alert" }, head, this.#list);
    this.#panel.addEventListener("keydown", ({ key }) => key === "Escape" && this.toggle(false));
    root.append(this.#panel);
  }

  /** Whether something went wrong in this page, which only loading it again mends. */
  get hasFailed() { return this.#failed.length > 0; }

  /** Whether this problem was not told before, in this page. */
  isNew({ message, file, line, named }) {
    const key = JSON.stringify([message, named ?? [file, line]]);
    return !this.#told.has(key) && this.#told.add(key);
  }

  add(problem) {
    this.#failed.push(problem);
    this.#show();
  }

  showWrong(problems) {
    if (JSON.stringify(problems) === JSON.stringify(this.#wrong)) return;
    this.#wrong = problems;
    this.#show();
  }

  toggle(isShown = this.#panel.hidden) { this.#panel.hidden = !isShown; }

  #show() {
    const problems = unique([...this.#wrong, ...this.#failed]);
    this.#heading.textContent = problems.length === 1 ? "A mistake in the study" : `${problems.length} mistakes in the study`;
    this.#list.replaceChildren(...problems.map(draw));
    this.toggle(problems.length > 0);
    this.#tell(problems.length);
  }
}

/** A line that is wrong now may be why something failed before. */
const unique = (problems) => [...new Map(problems.toReversed().map((each) => [placeOf(each), each])).values()].reverse();

const placeOf = ({ file, line, message }) => (line ? `${file}, line ${line}` : file || message);

function draw(problem) {
  const { file, line, message, advice, excerpt = [] } = problem;
  const lines = excerpt.map(([number, text]) =>
    element("li", { value: number, className: number === line ? "here" : "" }, element("code", { textContent: text || " " })));
  return element("article", {},
    element("h3", { textContent: file ? placeOf(problem) : "Somewhere in the page" }),
    element("p", { className: "message", textContent: message }),
    lines.length ? element("ol", { className: "excerpt" }, ...lines) : "",
    advice ? element("p", { className: "advice", textContent: advice }) : "");
}
