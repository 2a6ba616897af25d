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

function report(error) {
  if (error.status === 401) {
    askForKey();
  }
  const known = error instanceof client.ServerError || error instanceof FieldError;
  find("error").textContent = known ? error.message : `The page failed: ${error.message}`;
  find("error").hidden = false;
}

function clear() {
  find("error").hidden = true;
  find("error").textContent = "";
}

function askForKey() {
  find("key-form").hidden = false;
  find("key").focus();
}

/** The fields of a request that the settings tell; what is left empty is the server's to choose. */
function decoding(model, mode) {
  const fields = { model: model.id, mode };
  const take = (id, field) => {
    const input = find(id);
    if (!input.validity.valid) {
      const label = input.labels[0].textContent.trim();
      throw new FieldError(`Settings, ${label}: ${input.validationMessage}`);
    }
    if (input.value !== "") fields[field] = Number(input.value);
  };
  take("seed", "seed");
  take("max-tokens", "max_tokens");
  if (mode === "diffusion") take("canvas-length", "canvas_length");
  return fields;
}

let started = false;

async function start() {
  try {
    const model = await client.model();
    clear();
    find("key-form").hidden = true;
    if (started) return;
    started = true;
    find("model").textContent = model.id;
    find("canvas-length").placeholder = model.canvas_length;
    const announce = (text) => (find("announcer").textContent = text);
    const page = { model, report, clear, announce, decoding: (mode) => decoding(model, mode) };
    for (const panel of [chatPanel, racePanel, formPanel, infillPanel, editPanel]) panel(page);
    wireTabs();
    find("main").hidden = false;
  } catch (error) {
    find("model").textContent = "not connected";
    // Asking for the key says it all, as long as none was given.
    if (error.status === 401 && !client.hasKey()) askForKey();
    else report(error);
  }
}

find("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  try {
    client.useKey(find("key").value.trim());
    start();
  } catch (error) {
    report(error);
  }
});
start();
