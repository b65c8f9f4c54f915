/** Let the MTurk page, which opened this window, show its submit button; then close this window. */
try {
  window.opener?.location.reload();
} finally {
  window.close(); // browsers refuse when a script may not; the page's text then says what to do
}
