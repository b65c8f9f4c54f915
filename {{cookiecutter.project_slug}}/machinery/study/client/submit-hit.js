/** Report the submission of the HIT to our server, then submit it, whatever our server answers. */
const form = document.querySelector("#submit-hit");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  form.querySelector("button").disabled = true;
  try {
    const signal = AbortSignal.timeout(5000);
    const answer = await fetch(form.dataset.submittedUrl, { method: "POST", signal });
    await answer.text();
  } catch (error) {
    console.warn("The submission could not be reported", error);
  }
  form.submit();
});
