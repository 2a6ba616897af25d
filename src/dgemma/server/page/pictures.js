// Pictures for the next message: chosen, dropped or pasted, shown small, and given as parts of that message. They are drawn
// on canvases, as the page loads nothing by an address but its own files. Knows nothing of models or replies.

import { make } from "./reply.js";

const HEIGHT = 72;
const READABLE = "PNG, JPEG, WebP, GIF, BMP and TIFF";

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

/** A small drawing of a picture; what the browser cannot decode is its name alone. */
function drawn({ bitmap, name }) {
  if (!bitmap) return make("span", { class: "picture muted" }, name);
  const canvas = make("canvas", { class: "picture", role: "img", "aria-label": name });
  canvas.height = HEIGHT;
  canvas.width = Math.max(1, Math.round((bitmap.width / bitmap.height) * HEIGHT));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The pictures of a message that was sent. */
export function shown(pictures) {
  return make("div", { class: "tray" }, ...pictures.map(drawn));
}

/** What a message says with its pictures, as the service takes it. */
export function contentWith(pictures, text) {
  if (!pictures.length) return text;
  const said = text ? [{ type: "text", text }] : [];
  return [...pictures.map(({ url }) => ({ type: "image_url", image_url: { url } })), ...said];
}

/** Words as a sentence lists them. */
export function listed(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** What to say of files that cannot be shown. */
function complaint(strange, unread) {
  const is = strange.length === 1 ? "is not a picture" : "are not pictures";
  const sentences = [];
  if (strange.length) sentences.push(`${listed(strange)} ${is}; ${READABLE} can be read.`);
  if (unread.length) sentences.push(`The browser cannot read ${listed(unread)} from the disk; choose another file.`);
  return sentences.join(" ");
}

/**
 * The pictures that wait in a form: take() empties it once all are read, giveBack(pictures) fills it again. What cannot be
 * shown is told by the page, that is { announce(text), tell(sentence), clear() }.
 */
export function pictureTray(form, page) {
  const [tray, button, input] = [".tray", ".attach", "input[type=file]"].map((name) => form.querySelector(name));
  let held = [];
  let reading = Promise.resolve();
  const show = () => {
    const item = (picture) => {
      const remove = make("button", { type: "button", class: "quiet", "aria-label": `Remove ${picture.name}` }, "\u00d7");
      remove.addEventListener("click", () => {
        held = held.filter((other) => other !== picture);
        show();
        button.focus();
      });
      return make("span", { class: "held" }, drawn(picture), remove);
    };
    tray.replaceChildren(...held.map(item));
    tray.hidden = held.length === 0;
  };
  const read = async (files) => {
    const [strange, unread] = [[], []];
    for (const file of files) {
      const name = file.name || "A picture";
      if (!file.type.startsWith("image/")) {
        strange.push(name);
        continue;
      }
      try {
        const bitmap = await createImageBitmap(file).catch(() => null);
        held.push({ name, url: await dataUrl(file), bitmap });
        page.announce(`${name} goes with the next message`);
      } catch {
        unread.push(name);
      }
      show();
    }
    const told = complaint(strange, unread);
    if (told) page.tell(told);
  };
  const add = (files) => {
    // A list that the browser empties afterwards. Pictures stand in the order in which they came.
    const wanted = [...files];
    page.clear();
    reading = reading.then(() => read(wanted));
  };
  button.hidden = false;
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    add(input.files);
    input.value = "";
  });
  form.addEventListener("paste", (event) => {
    // Office programs put a picture of a text beside it.
    if (!event.clipboardData.files.length || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    add(event.clipboardData.files);
  });
  const holdsFiles = (event) => event.dataTransfer.types.includes("Files");
  form.addEventListener("dragover", (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  form.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    add(event.dataTransfer.files);
  });
  return {
    async take() {
      await reading;
      const taken = held;
      held = [];
      show();
      return taken;
    },
    giveBack(pictures) {
      held = [...pictures, ...held];
      show();
    },
  };
}
