// Follows a room by WebSocket.

import { refused } from "./http.js";
import { introduction } from "./member.js";

const REFUSED = 1008;

/** Pass on each event after a message, until the connection ends, `hear` returns false, or the signal comes. */
export function follow(room, after, hear, signal) {
  const url = new URL(`../live/rooms/${room}?${new URLSearchParams({ after })}`, location);
  url.protocol = url.protocol.replace("http", "ws");
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.onopen = () => socket.send(JSON.stringify(introduction()));
    socket.onmessage = ({ data }) => hear(JSON.parse(data)) || socket.close();
    signal.onabort = () => {
      socket.onmessage = null; // what arrives late is sent again
      socket.close();
      resolve(); // `close` waits for the other side
    };
    socket.onclose = ({ code }) => (code === REFUSED ? reject(refused()) : resolve());
  });
}
