/** Make the MTurk page that opened this window show its submit button, then close this window. */
try {
  window.opener?.location.reload();
} finally {
  window.close(); // where the browser does not allow it, the page says what to do
}
