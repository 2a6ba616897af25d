// The frame of the page: tabs, settings, error messages, the API key, and start-up. The panels do the rest.

import * as client from "./client.js";
import { chatPanel, editPanel, formPanel, infillPanel, racePanel } from "./panels.js";

const find = (id) => document.getElementById(id);

/** Makes the tabs work with the keyboard: arrows, Home and End move between them, Tab goes on to the panel. */
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

/** An invalid value in one of the page's own fields; the message names its label. */
class FieldError extends Error {}

/** Request field -> id of the input that sets it. */
const SETTINGS = { seed: "seed", max_tokens: "max-tokens", canvas_length: "canvas-length" };
/** The server's limit on canvas_length. The context may be shorter. */
const LONGEST_CANVAS = 4096;
/** Error codes of numbers out of range. */
const BOUNDS = { greater_than_equal: "at least", less_than_equal: "at most" };
/** Error code of a prompt that is too long. */
const TOO_LONG = "context_length_exceeded";

function settingMessage(id, problem) {
  // A label may have a unit after a comma.
  const [name] = find(id).labels[0].textContent.trim().split(",");
  return `Settings, ${name}: ${problem}.`;
}

/** The message for a server error about a setting, worded like the page's own checks; null for any other error. */
function refusedSetting({ message, param, code }) {
  if (!Object.hasOwn(SETTINGS, param ?? "")) return null;
  const problem = message.replace(param, "").replace(/^[:\s]+|\.$/g, "");
  const bound = BOUNDS[code] && problem.match(/-?\d+/);
  return settingMessage(SETTINGS[param], bound ? `${BOUNDS[code]} ${bound}` : problem);
}

/** The message to show for an error: the server's own, or a rewording for people who do not know its API. */
function messageFor(error) {
  if (error instanceof FieldError) return error.message;
  if (!(error instanceof client.ServerError)) return `The page failed: ${error.message}`;
  // The server starts this message in lower case, because API clients match it.
  if (error.code === TOO_LONG) return error.message.charAt(0).toUpperCase() + error.message.slice(1);
  if (error.status !== 401) return refusedSetting(error) ?? error.message;
  if (!client.hasKey()) return "This server now requires an API key.";
  return "Wrong API key. Enter the key that dgemma serve was started with.";
}

function tell(sentence) {
  find("error").textContent = sentence;
  find("error").hidden = false;
}

function report(error) {
  if (error.status === 401) askForKey();
  tell(messageFor(error));
}

function clear() {
  find("error").hidden = true;
  find("error").textContent = "";
}

function askForKey() {
  find("key-form").hidden = false;
  find("key").focus();
}

/** Closes the key form and moves the focus to the text box of the visible tab. */
function unlock() {
  if (find("key-form").hidden) return;
  find("key-form").hidden = true;
  find("key").value = "";
  document.querySelector('[role="tabpanel"]:not([hidden]) textarea').focus();
}

/** What an invalid number must be instead. The browser's own messages are in the browser's language. */
function requirement({ min, max, validity }) {
  if (validity.badInput) return "a number";
  if (validity.rangeUnderflow) return `at least ${min}`;
  return validity.rangeOverflow ? `at most ${max}` : "a whole number";
}

/** The request fields from the settings. Empty settings are left out, so that the server's defaults apply. */
function decoding(model, mode) {
  const fields = { model: model.id, mode };
  for (const [field, id] of Object.entries(SETTINGS)) {
    if (field === "canvas_length" && mode !== "diffusion") continue;
    const input = find(id);
    if (!input.validity.valid) throw new FieldError(settingMessage(id, requirement(input)));
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
    // Before a key was entered, the key form alone is enough.
    if (error.status === 401 && !client.hasKey()) askForKey();
    else report(error);
  }
}

find("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (client.useKey(find("key").value.trim())) return start();
  tell("An API key consists of printable ASCII characters only.");
  find("key").focus();
});
start();
