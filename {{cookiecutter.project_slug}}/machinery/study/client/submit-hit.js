/** Tell our server that the HIT is being submitted, then submit it, whatever our server says. */
const form = document.querySelector("#submit-hit");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  form.querySelector("button").disabled = true;
  try {
    const answer = await fetch(form.dataset.submittedUrl, { signal: AbortSignal.timeout(5000) });
    await answer.text();
  } catch (error) {
    console.warn("The server could not be told of the submission", error);
  }
  form.submit();
});
