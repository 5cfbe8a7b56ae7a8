// The login form. Without a login, users can only read: style.css hides the rest.

import { isLoggedIn, logIn, logOut, request } from "./session.js";

const form = document.querySelector("#login");
const account = document.querySelector("#account");
const refusal = document.querySelector("#refusal");
const editor = document.querySelector("dialog");

async function show() {
  const loggedIn = isLoggedIn();
  document.body.classList.toggle("read-only", !loggedIn);
  form.hidden = loggedIn;
  account.hidden = !loggedIn;
  if (editor.open) { // the form keeps its values, and leaves the login usable
    editor.close();
    if (loggedIn) editor.showModal();
    else editor.show();
  }
  if (!loggedIn) return;
  const response = await request("accounts/me");
  account.firstElementChild.textContent = (await response.json()).email;
}

/** Run an action, and show the reason if it fails. */
async function explain(action) {
  refusal.textContent = "";
  try {
    await action();
  } catch (error) {
    refusal.textContent = error.message;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { email, password } = form.elements;
  explain(async () => {
    await logIn(email.value, password.value);
    form.reset();
  });
});
account.querySelector("button").addEventListener("click", () => explain(logOut));
addEventListener("session", () => explain(show));
explain(show);
