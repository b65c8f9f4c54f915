/**
 * What went wrong, in a researcher's words: {message, advice, file, line, named}. `named` is a file that
 * could not be loaded; the server looks up the line that names it.
 */
import { isOfCheck } from "./changes.js";
import { sleep } from "./server.js";

const MOMENT = 200; // ms, within which a refusal is heard of after the load that failed by it
const HARMLESS = /ResizeObserver loop/;
const FRAME = /(https?:\/\/[^\s()]+?):(\d+):(\d+)/g; // of a stack, in every browser
const NOT_LOADED_BY_PAGES = ["fetch", "xmlhttprequest", "beacon", "other"];

const refused = new Set(); // addresses

/** An error of a script, a promise that nobody handles, or an element that could not load its file. */
export async function describeError(event, facts) {
  if (isOfCheck(event)) return null;
  if (event.target instanceof Element) return describeElement(event.target);
  const error = event.error ?? event.reason;
  const message = error instanceof Error ? `${error.name}: ${error.message}` : event.message ?? String(error);
  if (HARMLESS.test(message)) return null;
  if (error?.name === "ServerError" && error.status === 404) return describeMissingPage(error);
  const place = placeInStack(error?.stack, facts) ?? placeOf(event.filename, event.lineno);
  return { message: message.replace(/^Uncaught /, ""), advice: adviseOn(message), ...place };
}

/** A page that psiTurk.preloadPages() asked for. */
function describeMissingPage(error) {
  const name = new URL(error.message.split(" ")[0], location.href).pathname.slice(1);
  return {
    message: `There is no page ${name} in templates/.`,
    advice: "Correct the name, or make the page.",
    named: name,
  };
}

/** Something that the Content-Security-Policy forbids. */
export function describeRefused({ blockedURI, effectiveDirective, sourceFile, lineNumber }) {
  const setting = /script|style|font/.test(effectiveDirective) ? "script_sources" : "media_sources";
  if (!/^https?:/.test(blockedURI)) {
    return {
      message: `The browser refused a script that is written into a page (${blockedURI}).`,
      advice: "Move it into a file of static/js/, and load that: <script src=…></script>.",
      ...placeOf(sourceFile, lineNumber),
    };
  }
  refused.add(blockedURI);
  return {
    message: `The browser refused ${blockedURI}: config.txt does not allow its host.`,
    advice: `Better put the file into static/. Or add to ${setting} in config.txt: ${new URL(blockedURI).origin}`,
    named: blockedURI,
  };
}

async function describeElement(element) {
  const url = element.currentSrc || element.src || element.href || element.parentElement?.currentSrc || "";
  if (element.type === "module" && (await fetch(url)).ok) return null; // one of its imports: see describeLoaded
  return describeFailure(url);
}

/** A file that the server does not have. @param {PerformanceResourceTiming} entry */
export function describeLoaded({ name, initiatorType, responseStatus = 0 }) {
  if (responseStatus < 400 || NOT_LOADED_BY_PAGES.includes(initiatorType) || /\.parse\?/.test(name)) return null;
  return describeFailure(name);
}

async function describeFailure(url) {
  await sleep(MOMENT);
  if (refused.has(url)) return null;
  const { origin, pathname } = new URL(url, location.href);
  const isOurs = origin === location.origin;
  return {
    message: isOurs ? `${pathname.slice(1)} could not be loaded.` : `${url} could not be loaded.`,
    advice: isOurs ? "Is there a file of that name, in small and capital letters too?"
      : "Is the address right, and is this computer online?",
    named: isOurs ? decodeURI(pathname.slice(1)) : url,
  };
}

function adviseOn(message) {
  if (/provide an export named/.test(message)) return "Compare the name with the lines of that file that begin with export.";
  if (/SyntaxError/.test(message)) return "The task cannot start until this is corrected.";
  if (/(jsPsych|initJsPsych)\w* is not defined/.test(message)) return "Load jsPsych and each plugin in templates/libraries.html.";
  return "What comes after that line did not run.";
}

/** The first place in a stack that is in a file of the researcher's. */
function placeInStack(stack, { machinery }) {
  const places = [...(stack ?? "").matchAll(FRAME)].map(([, url, line]) => placeOf(url, Number(line)));
  return places.find(({ file }) => /^static\/(?!js\/workshop\/)/.test(file) && !machinery.includes(file.split("/").at(-1)));
}

/** A place as the researcher knows it: the path in the study, also of a file with a version in its address. */
function placeOf(url, line = 0) {
  if (!url) return {};
  const { origin, pathname } = new URL(url, location.href);
  const file = pathname.slice(1).replace(/^static\/[0-9a-f]{12}\//, "static/");
  return { file: origin === location.origin ? file : url, line };
}
