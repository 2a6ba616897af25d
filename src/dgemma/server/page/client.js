// Client of the server that this page came from. Promises that every failure but an abort becomes a ServerError with a
// message to show, and that drafts arrive one by one, each as a frame that can be drawn at any later time. Knows
// nothing of the page.

const KEY = "dgemma-key";

/** `param` is the invalid field of the request and `code` the kind of error; both may be null. */
export class ServerError extends Error {
  constructor(message, status, { param = null, code = null } = {}) {
    super(message);
    this.status = status;
    this.param = param;
    this.code = code;
  }
}

/** Stores the API key until the tab is closed. Returns false if an HTTP header cannot carry it. */
export function useKey(key) {
  if (!/^[\x20-\x7e]+$/.test(key)) return false;
  sessionStorage.setItem(KEY, key);
  return true;
}

/** Whether a key is stored. */
export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

async function send(path, { body, signal } = {}) {
  const headers = { "Content-Type": "application/json" };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    const method = body === undefined ? "GET" : "POST";
    response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server cannot be reached. Is it still running?", 0);
  }
  if (response.ok) return response;
  const error = (await response.json().catch(() => null))?.error ?? {};
  throw new ServerError(error.message ?? `The server answered with status ${response.status}.`, response.status, error);
}

/** The loaded model, an entry of /v1/models: id, context_length, canvas_length, single_turn, reads_images. */
export async function model() {
  const { data } = await (await send("/v1/models")).json();
  return data[0];
}

/** Yields the events of a stream as { name, data }, with data parsed from JSON. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ServerError("The connection closed before the reply was complete.", 0);
    }
    if (part.done) return;
    const blocks = (rest + part.value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field("data");
      if (data === undefined) continue; // a comment: the server is still at work
      if (data === "[DONE]") return;
      yield { name: field("event"), data: JSON.parse(data) };
    }
  }
}

/**
 * Streams a chat or text completion, or an edit.
 * `watch` may have the callbacks draft(frame), text(whole text so far) and thought(whole thought so far).
 * A frame is the canvas after one denoise step: { canvas, step, before, tokens, entropies, accepted, special }. `before`
 * is the text of the previous canvases; `tokens`, `entropies` and `accepted` have one item per position; `special` lists
 * positions. Returns { text, thought, reason, usage }, and for an edit also `changes`.
 */
async function stream(path, fields, watch, signal) {
  const body = { ...fields, stream: true, stream_options: { include_usage: true } };
  const reply = { text: "", thought: "", reason: null, usage: null };
  for await (const { name, data } of events(await send(path, { body, signal }))) {
    if (data.error) throw new ServerError(data.error.message, 200, data.error);
    if (data.usage) reply.usage = data.usage;
    if (name === "diffusion.draft") {
      watch.draft?.({ ...data.diffusion, before: reply.text });
      continue;
    }
    // Chunks of an edit have no choices.
    const choice = data.choices ? data.choices[0] : data;
    if (!choice) continue;
    reply.reason = choice.finish_reason ?? reply.reason;
    if (choice.changes) reply.changes = choice.changes;
    const { content, reasoning_content: thought } = choice.delta ?? { content: choice.text };
    if (thought) watch.thought?.((reply.thought += thought));
    if (content) watch.text?.((reply.text += content));
  }
  if (!reply.usage) throw new ServerError("The connection closed before the reply was complete.", 0);
  return reply;
}

/** Streams the reply to messages, with drafts unless the mode is autoregressive. */
export function chat(messages, fields, watch, signal) {
  const diffusing = fields.mode !== "autoregressive";
  return stream("/v1/chat/completions", { ...fields, messages, diffusing }, watch, signal);
}

/** Streams the text of a gap between two texts. Each length that is tried is a canvas of its own. */
export function infill(prompt, suffix, fields, watch, signal) {
  return stream("/v1/completions", { ...fields, prompt, suffix, diffusing: true }, watch, signal);
}

/** Streams an edited text. The reply's `changes` are { start, end, before, after }, with offsets in characters. */
export function edit(text, fields, watch, signal) {
  return stream("/v1/edit", { ...fields, input: text, diffusing: true }, watch, signal);
}
