/**
 * Every word that this client shows to participants. What pages say is in the pages.
 *
 * Another language: a module that the task imports before participant.js, with
 * `Object.assign(WORDS, { … })`. The study's docs/cookbook.md has one.
 */
export const WORDS = {
  // beside the questions of a form (forms.js)
  missing: "Please answer this question.",
  noneTicked: "Please tick at least one.",
  notTicked: "Please tick this box.",
  noChoice: "Please choose one.",
  slider: "Click or tap the line.", // below one that has no answer yet
  noPlace: "Please click or tap the line.",
  unanswered: "no answer yet",
  notNumber: "Please enter a number.",
  notWhole: "Please enter a whole number.",
  incomplete: "Please complete this answer.",
  form: "Please check this answer.",
  step: (step) => `Please enter a number in steps of ${step}.`,
  least: (min) => `Please enter ${min} or more.`,
  most: (max) => `Please enter ${max} or less.`,
  shortest: (length) => `Please write at least ${length} characters.`,
  longest: (length) => `Please write at most ${length} characters.`,

  // dialogs (connection-ui.js, open-record.js, participant.js, media.js)
  cannotLoad: {
    heading: "We could not reach the study",
    text: "Nothing is lost. Please check your internet connection. We keep trying.",
    button: "Try again now",
  },
  noCookies: {
    heading: "Please allow cookies for this study",
    text: "Your browser did not keep the cookie by which the study knows that it is still you. Please allow "
      + "cookies for this page, then try again.",
    button: "Try again",
  },
  saving: {
    heading: "Saving your answers …",
    text: "This takes a moment. Please keep this window open.",
  },
  notSavedYet: {
    heading: "Your answers are not saved yet",
    text: "We could not reach the study. Your answers are safe in this browser: please keep this window open "
      + "and check your internet connection. We keep trying.",
    button: "Try again now",
  },
  refused: {
    heading: "We could not take your answers",
    text: "This is our mistake, not yours. Please save your answers as a file and send it to us. You will not "
      + "lose what you were promised.",
    button: "Try again",
  },
  otherWindow: {
    heading: "Please go on in the other window",
    text: "You have opened this study again in another window or tab. Your answers up to now are kept. You can "
      + "close this window.",
  },
  erased: {
    heading: "Your data have been deleted",
    text: "We have deleted what this study had stored about you, and this browser has deleted its copy. You can close "
      + "this window.",
  },
  problem: {
    heading: "Sorry, something went wrong",
    text: "The study cannot go on in this window. This is our mistake, not yours.",
  },
  sound: {
    heading: "The next part plays sound or film",
    text: "Please check that your sound is on. Your browser plays it only after you have pressed a button.",
    button: "Go on",
  },
  // `address` is a link; `messages` is how to write by the recruiter, such as "by Prolific's messages", or empty
  help: (address, messages) => [`We can help: write to ${messages ? `us ${messages}, or to ` : ""}`, address, "."],
  saveFile: "Save my answers as a file",
  savedFile: "Saved. Once more?",

  // a line at the bottom of the window (connection-ui.js)
  unreachable: "We cannot reach the study's server at the moment. Your answers are kept in this browser; "
    + "please go on.",
  keptHere: "The study's server does not take your answers. They are kept in this browser; please go on. "
    + "At the end, or now, you can save them as a file.",

  // while files are loaded (loading-page.js)
  loading: {
    heading: "The study is being loaded",
    text: "Please keep this window open. You can begin as soon as everything has arrived.",
  },
  size: (megabytes) => ` of ${megabytes} MB`, // after the percentage
  timeLeft: (minutes) => {
    if (minutes < 1) return ", less than a minute left";
    return `, about ${minutes} ${minutes === 1 ? "minute" : "minutes"} left`;
  },
  offline: {
    text: "You seem to be offline. Please check your internet connection. What has arrived is kept, and loading goes "
      + "on by itself.",
    button: "Try again now",
  },
  silent: {
    text: "Nothing is coming through at the moment. What has arrived is kept, and we keep trying. Please check your "
      + "internet connection.",
    button: "Try again now",
  },
  loadingHelp: (address) => ["If it does not go on, write to ", address, "."],
};
