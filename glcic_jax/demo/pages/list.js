// The photographs that are open, as a list beside the picture.
import { $, hide } from "./dom.js";
import { show } from "./photos.js";
import { onChange, state } from "./state.js";

const WIDE = 112;
const HIGH = 76;
const entries = new Map(); // by photograph: { item, button, canvas, note, drawn }

function entryOf(photo) {
  const [item, button, canvas, name, note] = ["li", "button", "canvas", "span", "span"].map((tag) =>
    document.createElement(tag),
  );
  button.type = "button";
  canvas.width = 2 * WIDE;
  canvas.height = 2 * HIGH;
  name.className = "label";
  name.textContent = button.title = photo.name;
  note.className = "state";
  button.append(canvas, name, note);
  button.onclick = () => show(photo);
  item.append(button);
  const entry = { item, button, canvas, note, photo, drawn: null, seen: false };
  entries.set(photo, entry);
  watcher.observe(item);
  return entry;
}

// Small pictures are drawn once they scroll into sight, one after the other.
const watcher = new IntersectionObserver((sights) => {
  for (const { target, isIntersecting } of sights) {
    const entry = [...entries.values()].find(({ item }) => item === target);
    if (entry) entry.seen = isIntersecting;
  }
  draw();
});

let drawing = false;
async function draw() {
  if (drawing) return;
  drawing = true;
  const stale = () => [...entries.values()].find(({ seen, drawn, photo }) => seen && drawn !== photo.now.picture);
  for (let entry = stale(); entry; entry = stale()) {
    const { canvas, photo } = entry;
    entry.drawn = photo.now.picture;
    const bitmap = await createImageBitmap(entry.drawn, { resizeHeight: canvas.height }).catch(() => null);
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (!bitmap) continue;
    const scale = Math.min(1, canvas.width / bitmap.width);
    const [width, height] = [bitmap.width * scale, bitmap.height * scale];
    pen.drawImage(bitmap, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
    bitmap.close();
  }
  drawing = false;
}

function noteOf(photo) {
  if (state.job?.photo === photo) return "working";
  if (photo.completed) return photo.unsaved ? "completed" : "downloaded";
  return photo.painted ? "painted" : "";
}

function refresh() {
  hide("list", state.photos.length < 2, "stage");
  for (const [photo, { item }] of entries) {
    if (state.photos.includes(photo)) continue;
    if (item.contains(document.activeElement)) $("stage").focus();
    watcher.unobserve(item);
    item.remove();
    entries.delete(photo);
  }
  for (const photo of state.photos) {
    const { item, button, note } = entries.get(photo) ?? entryOf(photo);
    if (!item.isConnected) $("photos").append(item);
    button.setAttribute("aria-current", String(photo === state.photo));
    note.textContent = noteOf(photo);
  }
  draw();
}

export function startList() {
  onChange(refresh);
}
