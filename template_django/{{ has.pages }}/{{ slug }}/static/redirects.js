// The login, to which htmx is redirected after a session has ended, has no results to show in the page. Open it instead.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { pathInfo, xhr } = event.detail;
  const requested = new URL(pathInfo.finalRequestPath, location.href);
  if (xhr.responseURL && new URL(xhr.responseURL).pathname !== requested.pathname) {
    event.preventDefault();
    location.assign(xhr.responseURL);
  }
});
