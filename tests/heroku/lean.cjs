// What Heroku's CLI asks three packages at every start, which take a tenth of it (lean.mjs).
// registry-auth-token: as whom to ask npm for a newer CLI.
module.exports = () => undefined;
// semver: whether this Node.js is new enough.
module.exports.satisfies = () => true;
// minimatch: which of its packages are plugins. It names them in full.
module.exports.minimatch = (name, pattern) => name === pattern;
