// The panels: chat, side by side, text to JSON, infill, edit. Each takes the page, an object { model, decoding(mode),
// announce(text), report(error), tell(message), clear() }. Promises that a form runs one request at a time, that Stop
// and Escape cancel it, and that nothing typed is lost when a message fails.

import { ServerError, chat, edit, infill } from "./client.js";
import { contentWith, imageTray, listed, shown } from "./images.js";
import { ReplyView, counted, make } from "./reply.js";

const find = (id) => document.getElementById(id);

const EXAMPLES = {
  "4x4 Sudoku": "Solve this Sudoku:\n1030\n0402\n2043\n0320",
  "Fix a sentence": "Fix the mistakes: They was late for the the train yestreday.",
  "Text to JSON": "Extract name, date and amount as JSON: On 3 May 2024 Anna Lee paid $250 for a new bicycle.",
  "Word problem": "Tom has 12 apples. He buys 7 more. How many apples does Tom have now?",
};

/** Runs `work(signal)` when the form is submitted and reports its errors, except an abort. */
function runOnSubmit(form, page, work) {
  const [go, stop] = [form.querySelector(".primary"), form.querySelector(".stop")];
  let controller = null;
  // aria-disabled instead of disabled: a disabled button loses the keyboard focus.
  const setBusy = (busy) => {
    go.setAttribute("aria-disabled", String(busy));
    if (!busy && document.activeElement === stop) go.focus();
    stop.disabled = !busy;
  };
  // On a touch keyboard Enter is the only way to break a line.
  const enterSends = !matchMedia("(hover: none) and (pointer: coarse)").matches;
  const end = () => controller?.abort();
  stop.addEventListener("click", () => {
    end();
    go.focus();
  });
  form.closest('[role="tabpanel"]').addEventListener("keydown", (event) => {
    if (event.key === "Escape") end();
  });
  form.addEventListener("keydown", (event) => {
    if (!enterSends || event.key !== "Enter" || event.shiftKey || event.isComposing || event.target.tagName !== "TEXTAREA") return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (controller) return;
    controller = new AbortController();
    page.clear();
    setBusy(true);
    try {
      await work(controller.signal);
    } catch (error) {
      if (error.name !== "AbortError") page.report(error);
    } finally {
      controller = null;
      setBusy(false);
    }
  });
  return { end, busy: () => controller !== null };
}

/** Shows the reply of `ask(watch)` in `view` while it streams. Rethrows what ends it early. */
async function watchReply(view, ask) {
  view.begin();
  try {
    const reply = await ask(view.watch);
    view.finish(reply);
    return reply;
  } catch (error) {
    view.breakOff(error.name === "AbortError" ? "stopped" : "failed");
    throw error;
  }
}

/** Rewords a server error for a chat: names the image that caused it, or adds what to do about a full conversation. */
function chatError(error, turns) {
  if (!(error instanceof ServerError)) return error;
  const { status, param } = error;
  const [, at, place] = /^messages\.(\d+)\.content\.(\d+)\b/.exec(param ?? "") ?? [];
  const image = turns[at]?.images[place];
  if (image) return new ServerError(`${image.name}: ${error.message}`, status);
  let message = error.message;
  if (status === 413 && turns.some(({ images }) => images.length)) {
    message = "These images are too large for this server; use smaller ones, or restart it with a larger --max-body-mb.";
  }
  // A 400 without a field is about the conversation as a whole.
  const tooLong = status === 413 || (status === 400 && !param);
  if (tooLong && turns.length > 1) message += " Or press New chat to start over.";
  return new ServerError(message, status, error);
}

export function chatPanel(page) {
  const [form, question, conversation] = [find("chat-form"), find("question"), find("conversation")];
  const tray = page.model.reads_images ? imageTray(form, page) : null;
  let turns = [];
  let last = null;
  if (page.model.single_turn) {
    find("alone").hidden = false;
    question.setAttribute("aria-describedby", "keys alone");
  }

  const ask = runOnSubmit(form, page, async (signal) => {
    // A new chat may start while this one is still being cancelled: keep working on the old turns.
    const chatted = turns;
    const text = question.value.trim();
    // Anything typed from here on belongs to the next message.
    question.value = "";
    const images = (await tray?.take()) ?? [];
    // If there is no reply, the message goes back into the form.
    const restore = () => {
      if (chatted !== turns) return;
      question.value = [text, question.value].filter(Boolean).join("\n\n");
      tray?.restore(images);
    };
    if (signal.aborted) restore();
    signal.throwIfAborted();
    if (!text && !images.length) return;
    last?.forgetSteps();
    const asked = make("article", { class: "question", "aria-label": "You" }, ...(images.length ? [shown(images)] : []), text);
    const view = (last = new ReplyView());
    view.element.setAttribute("aria-label", "Reply");
    conversation.append(asked, view.element);
    view.element.scrollIntoView({ block: "nearest" });
    chatted.push({ role: "user", content: contentWith(images, text), images });
    // A single-turn model gets each message on its own.
    const sent = page.model.single_turn ? chatted.slice(-1) : [...chatted];
    const addReply = (text) => chatted.push({ role: "assistant", content: text, images: [] });
    try {
      const fields = page.decoding("diffusion");
      const messages = sent.map(({ role, content }) => ({ role, content }));
      const reply = await watchReply(view, (watch) => chat(messages, fields, watch, signal));
      addReply(reply.text);
      page.announce(`Reply: ${reply.text}`);
    } catch (error) {
      if (view.committed) {
        addReply(view.committed);
      } else {
        chatted.pop();
        restore();
        asked.remove();
        view.element.remove();
        if (last === view) last = null;
      }
      throw chatError(error, sent);
    }
    view.element.scrollIntoView({ block: "nearest" });
  });

  const startAgain = () => {
    turns = [];
    last = null;
    tray?.take();
    conversation.replaceChildren();
    page.clear();
  };
  find("new-chat").addEventListener("click", () => {
    ask.end();
    startAgain();
    question.focus();
  });
  const examples = form.parentElement.querySelector(".examples");
  for (const [name, text] of Object.entries(EXAMPLES)) {
    const button = make("button", { type: "button", class: "example" }, name);
    button.addEventListener("click", () => {
      if (ask.busy()) return;
      startAgain();
      question.value = text;
      form.requestSubmit();
    });
    examples.append(button);
  }
}

function verdict(diffusion, autoregressive) {
  const [one, other] = [diffusion.usage.diffusion, autoregressive.usage.diffusion];
  const times = (view) => `${(view.wall_ms / 1000).toFixed(2)} s and ${counted(view.forward_passes, "pass", "passes")}`;
  const [fast, slow] = [one.tokens_per_second, other.tokens_per_second];
  const compared =
    fast >= slow
      ? `diffusion generated ${(fast / slow).toFixed(1)} times as many tokens per second`
      : `diffusion was slower, at ${((100 * fast) / slow).toFixed(0)} % of the tokens per second`;
  return `Measured by the server, diffusion took ${times(one)}, autoregressive decoding ${times(other)}: ${compared}.`;
}

export function racePanel(page) {
  find("race-prompt").value = EXAMPLES["4x4 Sudoku"];
  const result = find("verdict");
  runOnSubmit(find("race-form"), page, async (signal) => {
    const content = find("race-prompt").value.trim();
    if (!content) return;
    result.textContent = "";
    const lanes = [...document.querySelectorAll(".lane")];
    for (const lane of lanes) lane.replaceChildren();
    const replies = [];
    for (const lane of lanes) {
      const view = new ReplyView();
      lane.replaceChildren(view.element);
      const fields = page.decoding(lane.dataset.mode);
      const messages = [{ role: "user", content }];
      replies.push(await watchReply(view, (watch) => chat(messages, fields, watch, signal)));
    }
    result.textContent = verdict(...replies);
    page.announce(result.textContent);
  });
}

function jsonSchema(keys) {
  const properties = Object.fromEntries(keys.map((key) => [key, { type: "string" }]));
  const schema = { type: "object", properties, required: keys, additionalProperties: false };
  return { type: "json_schema", json_schema: { name: "extracted", schema } };
}

/** Parses a reply as a JSON object: { values, result }. `values` is null if it is not one; `result` says how it went. */
function readObject(text, keys) {
  let values;
  try {
    values = JSON.parse(text);
  } catch {
    return { values: null, result: "The reply is not valid JSON." };
  }
  if (values === null || typeof values !== "object" || Array.isArray(values)) {
    return { values: null, result: "The reply is valid JSON, but not an object." };
  }
  const missing = keys.filter((key) => !Object.hasOwn(values, key));
  return { values, result: missing.length ? `Valid JSON, but without ${listed(missing)}.` : "Valid JSON with every key." };
}

export function formPanel(page) {
  find("form-text").value = "On 3 May 2024 Anna Lee paid $250 for a new bicycle.";
  find("form-keys").value = "name, date, amount";
  const [result, shown] = [find("form-verdict"), find("form-values")];
  runOnSubmit(find("form-form"), page, async (signal) => {
    const keys = [...new Set(find("form-keys").value.split(",").map((key) => key.trim()))].filter(Boolean);
    if (!keys.length) {
      result.textContent = "Enter at least one key.";
      return;
    }
    const content = `Extract ${listed(keys)} as JSON: ${find("form-text").value.trim()}`;
    const fields = { ...page.decoding("diffusion"), response_format: jsonSchema(keys) };
    const view = new ReplyView();
    find("form-reply").replaceChildren(view.element);
    result.textContent = "";
    shown.hidden = true;
    const messages = [{ role: "user", content }];
    const { text } = await watchReply(view, (watch) => chat(messages, fields, watch, signal));
    const read = readObject(text, keys);
    shown.replaceChildren();
    for (const [key, value] of Object.entries(read.values ?? {})) {
      const plain = typeof value === "string" ? value : JSON.stringify(value);
      shown.append(make("div", {}, make("dt", {}, key), make("dd", {}, plain)));
    }
    shown.hidden = !read.values;
    result.textContent = read.result;
    page.announce(`${read.result} ${text}`);
  });
}

/** Maximum number of tokens in a gap. */
const LONGEST_GAP = 16;

export function infillPanel(page) {
  const [before, after, shown] = [find("infill-before"), find("infill-after"), find("infill-reply")];
  before.value = "Once upon a time there was a little";
  after.value = " who lived in a big forest.";
  runOnSubmit(find("infill-form"), page, async (signal) => {
    const [prefix, suffix] = [before.value, after.value];
    const { seed } = page.decoding("diffusion");
    const fields = { model: page.model.id, max_tokens: LONGEST_GAP, ...(seed !== undefined && { seed }) };
    const view = new ReplyView({ before: prefix, after: suffix });
    shown.replaceChildren(view.element);
    const { text } = await watchReply(view, (watch) => infill(prefix, suffix, fields, watch, signal));
    page.announce(`The gap reads: ${text}`);
  });
}

function countChanges(changes) {
  if (!changes.length) return "Nothing changed: the model is sure enough of every part of the text.";
  return changes.length === 1 ? "One place changed." : `${changes.length} places changed.`;
}

export function editPanel(page) {
  const [text, instruction, strength] = [find("edit-text"), find("edit-instruction"), find("edit-strength")];
  const [strengthText, shown, verdict] = [find("edit-strength-text"), find("edit-reply"), find("edit-verdict")];
  text.value = "They was late for the the train yestreday.";
  instruction.value = "Fix the mistakes";
  const describeStrength = () => {
    const extremes = { 0: "nothing is changed", 1: "everything may be rewritten" };
    const share = `${Math.round(100 * strength.value)} %`;
    strengthText.textContent = extremes[strength.value] ?? `${share}; lower keeps more of the text`;
    strength.setAttribute("aria-valuetext", strengthText.textContent);
  };
  strength.addEventListener("input", describeStrength);
  describeStrength();
  runOnSubmit(find("edit-form"), page, async (signal) => {
    if (!text.value) return;
    const { model, seed, canvas_length } = page.decoding("diffusion");
    const order = instruction.value.trim();
    const fields = { model, seed, strength: Number(strength.value) };
    // An edit by instruction uses causal passes and has no canvas.
    if (order) fields.instruction = order;
    else fields.canvas_length = canvas_length;
    const view = new ReplyView();
    view.element.setAttribute("aria-label", "Edited text");
    shown.replaceChildren(view.element);
    verdict.textContent = "";
    const reply = await watchReply(view, (watch) => edit(text.value, fields, watch, signal));
    verdict.textContent = countChanges(reply.changes);
    page.announce(`${verdict.textContent} ${reply.text}`);
  });
}
