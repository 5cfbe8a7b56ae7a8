// Follows a room by server-sent events, which it reads with fetch: EventSource cannot send a token.

import { refused } from "./http.js";
import { request } from "./member.js";

/** Pass on each event after a message, until the connection ends, `hear` returns false, or the signal comes. */
export async function follow(room, after, hear, signal) {
  const path = `../live/rooms/${room}?${new URLSearchParams({ after })}`;
  const response = await request(path, { headers: { Accept: "text/event-stream" }, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (true) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const { event, id, data } of blocks.map(fields)) {
      if (event === "end" && JSON.parse(data).reason === "the token has ended") throw refused();
      if (event === "end" || (event && !hear({ event, id, data: JSON.parse(data) }))) return reader.cancel();
    }
  }
}

/** The fields of an event. */
function fields(block) {
  const lines = block.split("\n").map((line) => line.split(": "));
  return Object.fromEntries(lines.map(([name, ...rest]) => [name, rest.join(": ")]));
}
