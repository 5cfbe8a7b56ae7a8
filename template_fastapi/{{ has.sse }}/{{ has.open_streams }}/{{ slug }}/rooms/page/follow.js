// Follows a room by server-sent events.

import { introduction } from "./member.js";

/** Pass on each event after a message, until the connection ends, `hear` returns false, or the signal comes. */
export function follow(room, after, hear, signal) {
  const query = new URLSearchParams({ ...introduction(), after });
  return new Promise((resolve) => {
    const source = new EventSource(`../live/rooms/${room}?${query}`);
    const end = () => {
      source.close();
      resolve();
    };
    for (const event of ["message", "presence", "missed"]) {
      source.addEventListener(event, ({ lastEventId, data }) => {
        if (!hear({ event, id: lastEventId, data: JSON.parse(data) })) end();
      });
    }
    signal.addEventListener("abort", end);
    source.addEventListener("end", end);
    // The browser would resume by itself, but not after a response such as 502. So the page does it.
    source.addEventListener("error", end);
  });
}
