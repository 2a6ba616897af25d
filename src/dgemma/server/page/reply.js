// The view of one reply: the canvas while it settles, the final text, a slider through the steps, and statistics.
// Promises that text from the model reaches the page as text nodes only, and that each animation frame paints once, with
// the newest draft. Knows nothing of the server.

/** Upper limits, in nats, of the shades from certain to doubtful; a token at or above the last one is noise. */
const DOUBT_LIMITS = [0.05, 0.3, 1, 2];
const STEP_MS = 220;

/** The shade of a token with this entropy (nats): 0 (certain) to 4 (noise). */
export function doubt(entropy) {
  const level = DOUBT_LIMITS.findIndex((limit) => entropy < limit);
  return level < 0 ? DOUBT_LIMITS.length : level;
}

/** An element with attributes and children; strings become text nodes. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The singular or plural of a noun, as the number requires. */
function noun(number, one, many = `${one}s`) {
  return number === 1 ? one : many;
}

/** A number followed by its noun. */
export function counted(number, one, many) {
  return `${number} ${noun(number, one, many)}`;
}

function shade(span, text, entropy, special) {
  // A special token is drawn as a dot; its name is in the tooltip.
  const shown = special ? "·" : text;
  if (span.textContent !== shown) span.textContent = shown;
  span.dataset.doubt = doubt(entropy);
  span.classList.toggle("special", special);
  span.title = `${special ? `${text}, ` : ""}${entropy.toFixed(2)} nats`;
}

/** Draws frames into an element and reuses its nodes. */
class Canvas {
  constructor() {
    this.element = make("div", { class: "canvas", role: "img" });
    this.before = document.createTextNode("");
    this.after = document.createTextNode("");
    this.spans = [];
    this.element.append(this.before, this.after);
  }

  draw(frame, label) {
    const special = new Set(frame.special);
    this.before.data = frame.before;
    for (const extra of this.spans.splice(frame.tokens.length)) extra.remove();
    frame.tokens.forEach((text, at) => {
      const span = (this.spans[at] ??= make("span", { class: "token" }));
      if (!span.parentNode) this.after.before(span);
      shade(span, text, frame.entropies[at], special.has(at));
    });
    this.element.setAttribute("aria-label", label);
  }
}

function describe(frame) {
  const certain = frame.entropies.filter((entropy) => doubt(entropy) === 0).length;
  return `canvas ${frame.canvas + 1}, step ${frame.step}: ${certain} of ${counted(frame.tokens.length, "token")} certain`;
}

/**
 * The text, with the tokens of each canvas's last frame shaded as far as they match the text exactly. The rest of a
 * canvas may differ: a check keeps only the beginning of a draft and adds a token of its own.
 */
function settledNodes(frames, text) {
  const last = frames.filter((frame, at) => frames[at + 1]?.before !== frame.before);
  const nodes = [];
  let at = 0;
  last.forEach((frame, number) => {
    const end = last[number + 1]?.before.length ?? text.length;
    for (const [place, token] of frame.tokens.entries()) {
      if (!token || at + token.length > end || !text.startsWith(token, at)) break;
      const span = make("span", { class: "token" });
      shade(span, token, frame.entropies[place], false);
      nodes.push(span);
      at += token.length;
    }
    nodes.push(text.slice(at, end));
    at = Math.max(at, end);
  });
  return last.length ? nodes : [text];
}

/** The edited text, with the old text of each change struck out before the new one. */
function changedNodes(text, changes) {
  const letters = [...text];
  const nodes = [];
  let at = 0;
  for (const { start, end, before, after } of changes) {
    nodes.push(letters.slice(at, start).join(""));
    if (before) nodes.push(make("del", {}, before));
    if (after) nodes.push(make("ins", {}, after));
    at = end;
  }
  return [...nodes, letters.slice(at).join("")];
}

const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;

/** The statistics of a reply as a list. */
function figureList(usage) {
  const statistics = usage.diffusion;
  // An edit by instruction has causal passes and no denoise steps.
  const [steps, passes] = [statistics.denoise_steps, statistics.forward_passes];
  const work = steps ? [steps, noun(steps, "denoise step")] : [passes, noun(passes, "pass", "passes")];
  const figures = [
    [usage.completion_tokens, noun(usage.completion_tokens, "token")],
    [statistics.tokens_per_second, "tokens/s"],
    [statistics.tokens_per_forward.toFixed(2), "tokens/forward"],
    ...(statistics.mode === "autoregressive" ? [] : [work]),
    [`${Math.round(statistics.first_text_ms)} ms`, "to first text"],
  ];
  const items = figures.map(([number, unit]) => make("li", {}, make("b", {}, String(number)), ` ${unit}`));
  return make("ul", { class: "figures" }, ...items);
}

export class ReplyView {
  #frames = [];
  #text = "";
  #newest = null;
  #asked = false;
  #clock = null;
  #player = null;

  /** `around` is { before, after }, the texts around a gap that is being filled; null for other replies. */
  constructor(around = null) {
    this.around = around;
    this.canvas = new Canvas();
    this.canvas.after.data = around?.after ?? "";
    this.settled = make("div", { class: "settled" });
    this.settled.hidden = true;
    this.thought = make("div");
    this.thoughtBox = make("details", { class: "thought" }, make("summary", {}, "Thought"), this.thought);
    this.thoughtBox.hidden = true;
    this.stopwatch = make("span", { class: "stopwatch" }, seconds(0));
    this.took = make("div", { class: "took" }, this.stopwatch);
    this.element = make("article", { class: "reply" }, this.thoughtBox, this.canvas.element, this.settled, this.took);
  }

  /** The committed text. */
  get committed() {
    return this.#text;
  }

  begin() {
    this.began = performance.now();
    this.element.setAttribute("aria-busy", "true");
    this.#clock = setInterval(() => this.#readClock(), 100);
  }

  draft(drafted) {
    const frame = this.around ? { ...drafted, before: this.around.before } : drafted;
    this.#frames.push(frame);
    this.#paintSoon(() => this.canvas.draw(frame, `Draft, ${describe(frame)}`));
  }

  text(text) {
    this.#text = text;
    // With drafts, the next frame contains the text anyway.
    if (!this.#frames.length) this.#paintSoon(() => (this.canvas.before.data = text));
  }

  thoughtSoFar(text) {
    this.thoughtBox.hidden = false;
    this.thought.textContent = text;
  }

  /** The callbacks for `client.chat` and its siblings. */
  get watch() {
    return {
      draft: (frame) => this.draft(frame),
      text: (text) => this.text(text),
      thought: (text) => this.thoughtSoFar(text),
    };
  }

  finish({ text, usage, reason, changes }) {
    this.#end();
    this.settled.replaceChildren(...(changes ? changedNodes(text, changes) : this.#settledNodes(text)));
    if (!text) this.settled.append(make("em", {}, "The reply has no text."));
    this.#show(null);
    this.took.append(figureList(usage));
    if (reason === "length") this.took.append("cut off at the length limit");
    if (this.#frames.length) this.#offerSteps();
  }

  /** Ends an incomplete reply; its committed text stays. */
  breakOff(why) {
    this.#end();
    this.settled.replaceChildren(this.#text);
    this.#show(null);
    this.took.append(why);
  }

  /** Removes the slider and its frames, once there is a newer reply. */
  forgetSteps() {
    this.#stopPlaying();
    this.#show(null);
    this.#frames = [];
    this.steps?.remove();
  }

  #end() {
    clearInterval(this.#clock);
    this.#newest = null;
    this.#readClock();
    this.element.removeAttribute("aria-busy");
  }

  #settledNodes(text) {
    if (!this.around) return settledNodes(this.#frames, text);
    return [this.around.before, make("mark", {}, text), this.around.after];
  }

  #readClock() {
    this.stopwatch.textContent = seconds(performance.now() - this.began);
  }

  #paintSoon(paint) {
    this.#newest = paint;
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#newest?.();
    });
  }

  /** Shows a frame, or the settled reply if it is null. */
  #show(frame) {
    if (frame) this.canvas.draw(frame, `Draft, ${describe(frame)}`);
    this.canvas.element.hidden = !frame;
    this.settled.hidden = Boolean(frame);
  }

  #offerSteps() {
    const count = this.#frames.length;
    this.slider = make("input", { type: "range", min: 1, max: count + 1, step: 1, "aria-label": "Denoise step" });
    this.slider.value = count + 1;
    this.place = make("span", { class: "place" });
    this.play = make("button", { type: "button", class: "quiet" }, "Replay");
    this.slider.addEventListener("input", () => {
      this.#stopPlaying();
      this.#showPlace();
    });
    this.play.addEventListener("click", () => (this.#player ? this.#stopPlaying() : this.#startPlaying()));
    this.steps = make("div", { class: "steps" }, this.play, this.slider, this.place);
    this.element.append(this.steps);
    this.#showPlace();
  }

  #showPlace() {
    const frame = this.#frames[this.slider.value - 1] ?? null;
    this.#show(frame);
    this.place.textContent = frame ? describe(frame) : `settled after ${counted(this.#frames.length, "step")}`;
    this.slider.setAttribute("aria-valuetext", this.place.textContent);
  }

  #startPlaying() {
    const advance = () => {
      if (this.slider.value === this.slider.max) return this.#stopPlaying();
      this.slider.stepUp();
      this.#showPlace();
    };
    this.play.textContent = "Pause";
    if (this.slider.value === this.slider.max) this.slider.value = 1;
    this.#showPlace();
    this.#player = setInterval(advance, STEP_MS);
  }

  #stopPlaying() {
    clearInterval(this.#player);
    this.#player = null;
    if (this.play) this.play.textContent = "Replay";
  }
}
