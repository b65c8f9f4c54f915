// What Heroku's CLI loads at every start and no test has a use for takes two thirds of a start:
// its reporter of crashes, the printer of tables (a whole React), and what starts gpg for a
// password file. Here they get functions that fail, so whoever does use one sees it. A test that
// reads a table sets the variable WITH_TABLES. lean.cjs stands for packages that every start uses.
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

const unused = {
  "@sentry/node": ["captureException", "flush", "getClient", "init"],
  "@oclif/table": ["printTable"],
  execa: ["execa", "execaSync"],
};
if (process.env.WITH_TABLES) delete unused["@oclif/table"];
const answered = ["minimatch", "registry-auth-token", "semver"];
const answers = fileURLToPath(new URL("lean.cjs", import.meta.url));

function failing(name) {
  const fails = `throw new Error("the tests' Heroku CLI does without ${name}")`;
  const source = unused[name].map((used) => `export function ${used}() { ${fails} }`);
  return "data:text/javascript," + encodeURIComponent(source.join("\n"));
}

registerHooks({
  resolve(name, context, next) {
    if (name in unused) return { url: failing(name), shortCircuit: true };
    if (answered.includes(name)) name = answers;
    return next(name, context);
  },
});
