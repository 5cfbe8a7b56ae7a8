// The member of a room: an account. Its tokens are only in memory, so a reload needs the password again.

import { send } from "./http.js";

const TOKEN = "../api/token";
let tokens = {};
let renewal = null;

async function obtain(form) {
  const response = await send(TOKEN, { form });
  tokens = await response.json();
}

export function enter({ email, password }) {
  return obtain({ grant_type: "password", username: email.value, password: password.value });
}

/** The first message of a connection, which identifies the member. */
export const introduction = () => ({ token: tokens.access_token });

/** Replace an expired access token. One call at a time: using a refresh token twice ends the session. */
export function renew() {
  renewal ??= obtain({ grant_type: "refresh_token", refresh_token: tokens.refresh_token })
    .catch((error) => {
      if (error.status !== 400) throw error;
      throw Object.assign(new Error("Your session has ended. Log in again."), { isFinal: true });
    })
    .finally(() => {
      renewal = null;
    });
  return renewal;
}

/** Send a request with the access token. */
export async function request(path, options = {}) {
  const attempt = () =>
    send(path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${tokens.access_token}` } });
  try {
    return await attempt();
  } catch (error) {
    if (error.status !== 401) throw error;
    await renew();
    return attempt();
  }
}
