// Heroku's CLI loads Sentry, its reporter of crashes, at every start. That takes half of a start,
// and with DISABLE_TELEMETRY nothing of it is ever called: here it gets functions that fail.
import { registerHooks } from "node:module";

const used = ["captureException", "flush", "getClient", "init"];
const source = used.map((name) => `export function ${name}() { throw new Error("Sentry is off") }`);
const url = "data:text/javascript," + encodeURIComponent(source.join("\n"));

registerHooks({
  resolve: (name, context, next) =>
    name === "@sentry/node" ? { url, shortCircuit: true } : next(name, context),
});
