// A room: who is present, its messages, and a form to post. It reconnects, and continues after the last message.

import { follow } from "./follow.js";
import { enter, renew, request } from "./member.js";

const SPREAD = 10_000; // milliseconds within which pages reconnect, so that they do not all do so at once
const SHOWN = 500; // messages
const PATIENCE = 15_000; // milliseconds until the first event
const SILENCE = 40_000; // milliseconds between two events; the service sends one every 15 seconds

const $ = (selector) => document.querySelector(selector);
const [door, inside, state, present] = ["#enter", "#inside", "#state", "#present"].map($);
const [messages, form, problem] = ["#messages", "#post", "#problem"].map($);
const room = location.pathname.split("/").pop();
let after = null; // the last message that the page shows

function element(name, text) {
  const created = document.createElement(name);
  created.textContent = text;
  return created;
}

function show({ id, author, text }) {
  const entry = element("li", `: ${text}`);
  entry.prepend(element("strong", author));
  messages.append(entry);
  if (messages.childElementCount > SHOWN) messages.firstElementChild.remove();
  after = id;
}

async function read() {
  const response = await request(`../api/v1/rooms/${room}`);
  messages.replaceChildren();
  after = "0-0"; // before all messages
  (await response.json()).posts.forEach(show);
}

/** Show an event. Returns false if the page must read the latest messages again. */
function hear({ event, id, data }) {
  say("open");
  if (event === "missed") after = null;
  else if (event === "message") show({ ...data, id });
  else {
    const more = data.number - data.names.length;
    const names = more > 0 ? [...data.names, `and ${more} more`] : data.names;
    present.replaceChildren(...names.map((name) => element("li", name)));
  }
  return event !== "missed";
}

function say(name, reason = "") {
  const text = name === "open" ? "Connected." : `${reason} Reconnecting …`.trim();
  inside.dataset.state = name;
  if (state.textContent !== text) state.textContent = text; // screen readers announce each change
}

/** Follow the room until the connection ends, or is silent: the network may drop it without a sign. */
async function listen() {
  const silence = new AbortController();
  let timer;
  const wait = (milliseconds) => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), milliseconds);
  };
  wait(PATIENCE);
  try {
    await follow(room, after, (event) => (wait(SILENCE), hear(event)), silence.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Follow the room until the member is refused. */
async function stay() {
  let isRefused = false;
  while (true) {
    try {
      if (isRefused) await renew();
      isRefused = false;
      if (after === null) await read();
      await listen();
      say("closed");
    } catch (error) {
      if (error.isFinal) throw error;
      isRefused = error.status === 401;
      say("closed", error.message);
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * SPREAD));
  }
}

/** Run an action, and show the reason if it fails. */
async function explain(action) {
  problem.textContent = "";
  try {
    await action();
  } catch (error) {
    problem.textContent = error.message;
  }
}

function open(isInside) {
  door.hidden = isInside;
  inside.hidden = !isInside;
  (isInside ? form : door).elements[0].focus();
}

door.addEventListener("submit", (event) => {
  event.preventDefault();
  explain(async () => {
    await enter(door.elements);
    open(true);
    try {
      await stay();
    } finally {
      open(false);
    }
  });
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  explain(async () => {
    await request(`../api/v1/rooms/${room}/posts`, { json: { text: form.elements.text.value } });
    form.reset();
  });
});
document.title = $("h1").textContent = `Room ${room}`;
