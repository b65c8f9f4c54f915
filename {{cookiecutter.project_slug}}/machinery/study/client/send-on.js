/** Send participants back to where they came from after a moment, unless they choose to stay. */
const SECONDS = 6;

const link = document.querySelector("#go-on");
const leaving = setTimeout(() => location.assign(link.href), SECONDS * 1000);
const notice = document.querySelector("#leaving");
notice.hidden = false;
notice.querySelector("button").addEventListener("click", () => {
  clearTimeout(leaving);
  notice.hidden = true;
});
