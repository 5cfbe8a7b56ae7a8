// The session: an access token in memory, and the refresh token, which all tabs of this page share.

import { request as send } from "./http.js";

const KEY = "refresh_token";
let accessToken = "";

export const isLoggedIn = () => localStorage.getItem(KEY) !== null;

/** Log in. Other parts of the page can listen to the window's `session` event: it follows each login and logout. */
export async function logIn(username, password) {
  await obtain({ grant_type: "password", username, password });
  dispatchEvent(new Event("session"));
}

export function logOut() {
  return navigator.locks.request(KEY, async () => { // a refresh would store another token
    const token = localStorage.getItem(KEY);
    forget();
    if (token) await send("token/revoke", { method: "POST", form: { token } });
  });
}

/** Send a request, with the access token if the user is logged in. */
export async function request(path, options = {}) {
  if (!accessToken) await refresh();
  const used = accessToken;
  const attempt = () => {
    const authorization = accessToken ? { Authorization: `Bearer ${accessToken}` } : {};
    return send(path, { ...options, headers: { ...options.headers, ...authorization } });
  };
  try {
    return await attempt();
  } catch (error) {
    if (error.status !== 401 || !isLoggedIn()) throw error;
    await refresh(used); // it has expired
    return attempt();
  }
}

/** Replace an access token. Using a refresh token twice ends the session, so only one tab at a time may do it. */
function refresh(used = "") {
  return navigator.locks.request(KEY, async () => {
    if (!isLoggedIn() || accessToken !== used) return; // another request has refreshed it
    try {
      await obtain({ grant_type: "refresh_token", refresh_token: localStorage.getItem(KEY) });
    } catch (error) {
      if (error.status !== 400) throw error;
      forget();
      throw new Error("Your session has ended. Log in again.");
    }
  });
}

async function obtain(form) {
  const response = await send("token", { method: "POST", form });
  const tokens = await response.json();
  accessToken = tokens.access_token;
  localStorage.setItem(KEY, tokens.refresh_token);
}

function forget() {
  accessToken = "";
  localStorage.removeItem(KEY);
  dispatchEvent(new Event("session"));
}

addEventListener("storage", ({ key, oldValue, newValue }) => {
  if (key !== KEY || (oldValue && newValue)) return; // otherwise another tab has logged in or out
  accessToken = "";
  dispatchEvent(new Event("session"));
});
