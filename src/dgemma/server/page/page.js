// The page itself: tabs, settings, errors, the key, and the start. The panels do the rest.

import * as client from "./client.js";
import { chatPanel, editPanel, formPanel, infillPanel, racePanel } from "./panels.js";

const find = (id) => document.getElementById(id);

/** Tabs as the keyboard expects them: arrows, Home and End move between them, Tab goes on to the panel. */
function wireTabs() {
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const choose = (chosen) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      find(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
  };
  for (const [at, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = tabs.at(to % tabs.length);
      choose(next);
      next.focus();
    });
  }
  choose(tabs[0]);
}

/** What is wrong with one of the page's own fields, in the words of its label. */
class FieldError extends Error {}

/** Field of a request -> the setting it comes from. */
const SETTINGS = { seed: "seed", max_tokens: "max-tokens", canvas_length: "canvas-length" };
/** Tokens of the longest canvas that the service takes, where the context holds as many. */
const LONGEST_CANVAS = 4096;
/** What the service calls a number beyond a bound. */
const BOUNDS = { greater_than_equal: "at least", less_than_equal: "at most" };
/** What it calls a prompt that is too long. */
const TOO_LONG = "context_length_exceeded";

function aboutSetting(id, told) {
  // A label may name its unit behind a comma.
  const [name] = find(id).labels[0].textContent.trim().split(",");
  return `Settings, ${name}: ${told}.`;
}

/** A refusal that blames a setting, as the page's own checks say it; null for others. */
function refusedSetting({ message, param, code }) {
  if (!Object.hasOwn(SETTINGS, param ?? "")) return null;
  const told = message.replace(param, "").replace(/^[:\s]+|\.$/g, "");
  const bound = BOUNDS[code] && told.match(/-?\d+/);
  return aboutSetting(SETTINGS[param], bound ? `${BOUNDS[code]} ${bound}` : told);
}

/** An error in a sentence for people, where the server's is for programs. */
function inWords(error) {
  if (error instanceof FieldError) return error.message;
  if (!(error instanceof client.ServerError)) return `The page failed: ${error.message}`;
  // Programs know this one by its beginning.
  if (error.code === TOO_LONG) return error.message.charAt(0).toUpperCase() + error.message.slice(1);
  if (error.status !== 401) return refusedSetting(error) ?? error.message;
  if (!client.hasKey()) return "This server asks for its key now.";
  return "That key is not right. It is the one that dgemma serve was started with.";
}

function tell(sentence) {
  find("error").textContent = sentence;
  find("error").hidden = false;
}

function report(error) {
  if (error.status === 401) askForKey();
  tell(inWords(error));
}

function clear() {
  find("error").hidden = true;
  find("error").textContent = "";
}

function askForKey() {
  find("key-form").hidden = false;
  find("key").focus();
}

/** Closes the form for the key; whoever filled it goes on in the box of the tab that is shown. */
function unlock() {
  if (find("key-form").hidden) return;
  find("key-form").hidden = true;
  find("key").value = "";
  document.querySelector('[role="tabpanel"]:not([hidden]) textarea').focus();
}

/** What a number should be that the browser does not take. Its own sentences are in the language of the browser. */
function wrong({ min, max, validity }) {
  if (validity.badInput) return "a number";
  if (validity.rangeUnderflow) return `at least ${min}`;
  return validity.rangeOverflow ? `at most ${max}` : "a whole number";
}

/** The fields of a request that the settings tell; what is left empty is the server's to choose. */
function decoding(model, mode) {
  const fields = { model: model.id, mode };
  for (const [field, id] of Object.entries(SETTINGS)) {
    if (field === "canvas_length" && mode !== "diffusion") continue;
    const input = find(id);
    if (!input.validity.valid) throw new FieldError(aboutSetting(id, wrong(input)));
    if (input.value !== "") fields[field] = Number(input.value);
  }
  return fields;
}

let started = false;

async function start() {
  try {
    const model = await client.model();
    clear();
    find("model").textContent = model.id;
    if (started) return unlock();
    started = true;
    find("canvas-length").placeholder = model.canvas_length;
    find("canvas-length").max = Math.min(LONGEST_CANVAS, Math.max(model.canvas_length, model.context_length));
    const announce = (text) => (find("announcer").textContent = text);
    const page = { model, report, tell, clear, announce, decoding: (mode) => decoding(model, mode) };
    for (const panel of [chatPanel, racePanel, formPanel, infillPanel, editPanel]) panel(page);
    wireTabs();
    find("main").hidden = false;
    unlock();
  } catch (error) {
    find("model").textContent = "not connected";
    // Asking for the key says it all, as long as none was given.
    if (error.status === 401 && !client.hasKey()) askForKey();
    else report(error);
  }
}

find("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (client.useKey(find("key").value.trim())) return start();
  tell("A key has only plain letters, digits and signs.");
  find("key").focus();
});
start();
