// Reloads parts of a page when the service says that something has changed: docs/live.md.

document.querySelectorAll("[data-live]").forEach((element) => {
  const SPREAD = 500; // milliseconds over which open pages spread their requests
  const SILENCE = 75_000; // milliseconds without a message; the service sends one every 30 seconds
  const LONGEST = 60_000; // milliseconds between two attempts to connect
  const REFUSED = 1008; // for example, nobody is logged in

  const url = new URL(element.dataset.live, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  let attempts = 0;
  let isStale = false;
  let timer = null;

  // A hidden page waits until it is visible.
  const reload = () => {
    isStale = true;
    timer ??= setTimeout(() => {
      timer = null;
      if (document.hidden) return;
      isStale = false;
      htmx.trigger(element, "live");
    }, Math.random() * SPREAD);
  };

  const connect = () => {
    const socket = new WebSocket(url);
    let silence = null;
    const end = ({ code }) => {
      socket.onclose = socket.onmessage = null;
      clearTimeout(silence);
      socket.close();
      element.dataset.state = "closed";
      if (code === REFUSED) return;
      attempts += 1;
      setTimeout(connect, Math.random() * Math.min(LONGEST, 1000 * 2 ** attempts));
    };
    // The network may drop a connection without a sign.
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(end, SILENCE, {});
    };
    socket.onmessage = ({ data }) => {
      listen();
      attempts = 0;
      element.dataset.state = "open";
      if (data === "changed") reload();
    };
    socket.onclose = end;
    listen();
  };

  document.addEventListener("visibilitychange", () => isStale && reload());
  for (const failure of ["htmx:responseError", "htmx:sendError"]) {
    element.addEventListener(failure, () => setTimeout(reload, 10_000));
  }
  connect();
});
