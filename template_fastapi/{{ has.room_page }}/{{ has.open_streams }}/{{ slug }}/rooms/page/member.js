// The member of a room: anyone, under a name.

import { send } from "./http.js";

let name = "";

export async function enter(fields) {
  name = fields.name.value.trim();
}

/** The first message of a connection, which identifies the member. */
export const introduction = () => ({ name });

export const request = (path, options) => send(`${path}?${new URLSearchParams({ name })}`, options);

/** What to do when a connection is refused. */
export async function renew() {
  throw Object.assign(new Error("This name was refused."), { isFinal: true });
}
