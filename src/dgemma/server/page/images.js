// Images for the next message: chosen, dropped or pasted, shown small, and sent as parts of that message. They are
// drawn on canvases, because the page's policy allows no URLs but its own files. Knows nothing of models or replies.

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

/** A thumbnail of an image, or its name if the browser cannot decode it. */
function drawn({ bitmap, name }) {
  if (!bitmap) return make("span", { class: "image muted" }, name);
  const canvas = make("canvas", { class: "image", role: "img", "aria-label": name });
  canvas.height = HEIGHT;
  canvas.width = Math.max(1, Math.round((bitmap.width / bitmap.height) * HEIGHT));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The images of a sent message. */
export function shown(images) {
  return make("div", { class: "tray" }, ...images.map(drawn));
}

/** The content of a message with images, in the API's format. */
export function contentWith(images, text) {
  if (!images.length) return text;
  const texts = text ? [{ type: "text", text }] : [];
  return [...images.map(({ url }) => ({ type: "image_url", image_url: { url } })), ...texts];
}

/** Joins words as in a sentence: "a, b and c". */
export function listed(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** The message about files that are not images or cannot be read. */
function problems(others, unread) {
  const is = others.length === 1 ? "is not an image" : "are not images";
  const sentences = [];
  if (others.length) sentences.push(`${listed(others)} ${is}; supported formats are ${READABLE}.`);
  if (unread.length) sentences.push(`The browser cannot read ${listed(unread)} from the disk; choose another file.`);
  return sentences.join(" ");
}

/**
 * The images attached to a form. take() empties the tray, once all are read, and returns them; restore(images) puts
 * them back. Problems are shown by the page, an object { announce(text), tell(message), clear() }.
 */
export function imageTray(form, page) {
  const [tray, button, input] = [".tray", ".attach", "input[type=file]"].map((name) => form.querySelector(name));
  let attached = [];
  let reading = Promise.resolve();
  const show = () => {
    const item = (image) => {
      const remove = make("button", { type: "button", class: "quiet", "aria-label": `Remove ${image.name}` }, "\u00d7");
      remove.addEventListener("click", () => {
        attached = attached.filter((other) => other !== image);
        show();
        button.focus();
      });
      return make("span", { class: "attached" }, drawn(image), remove);
    };
    tray.replaceChildren(...attached.map(item));
    tray.hidden = attached.length === 0;
  };
  const read = async (files) => {
    const [others, unread] = [[], []];
    for (const file of files) {
      const name = file.name || "An image";
      if (!file.type.startsWith("image/")) {
        others.push(name);
        continue;
      }
      try {
        const bitmap = await createImageBitmap(file).catch(() => null);
        attached.push({ name, url: await dataUrl(file), bitmap });
        page.announce(`${name} is attached to the next message`);
      } catch {
        unread.push(name);
      }
      show();
    }
    const message = problems(others, unread);
    if (message) page.tell(message);
  };
  const add = (files) => {
    // A copy, because the browser empties the list later. The chain keeps the images in the order they were added.
    const added = [...files];
    page.clear();
    reading = reading.then(() => read(added));
  };
  button.hidden = false;
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    add(input.files);
    input.value = "";
  });
  form.addEventListener("paste", (event) => {
    // Office programs copy an image of a text along with the text; paste the text then.
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
      const taken = attached;
      attached = [];
      show();
      return taken;
    },
    restore(images) {
      attached = [...images, ...attached];
      show();
    },
  };
}
