// Zoom and pan: where the photograph lies on the stage, and which of its pixels is under a pointer.
import { $ } from "./dom.js";
import { state } from "./state.js";

const LARGEST = 32; // pixels of the screen for one of the picture
const EDGE = 40; // pixels of the photograph that always stay on the stage
const SHARP = 3; // from this scale on, pixels are shown as squares

const look = { scale: 1, x: 0, y: 0, fitted: true };
const watchers = [];

export function scale() {
  return look.scale;
}

export function onLook(watcher) {
  watchers.push(watcher);
}

function stage() {
  return $("stage").getBoundingClientRect();
}

function fitting() {
  const { width, height } = stage();
  const margin = width > 500 ? 20 : 6;
  const { photo } = state;
  const wanted = Math.min((width - 2 * margin) / photo.width, (height - 2 * margin) / photo.height);
  return Math.min(Math.max(wanted, 1e-3), LARGEST);
}

function apply() {
  const { photo } = state;
  if (!photo?.width) return;
  const { width, height } = stage();
  const wide = photo.width * look.scale;
  const high = photo.height * look.scale;
  look.x = Math.min(Math.max(look.x, EDGE - wide), width - EDGE);
  look.y = Math.min(Math.max(look.y, EDGE - high), height - EDGE);
  const { style, classList } = $("view");
  style.width = `${wide}px`;
  style.height = `${high}px`;
  style.transform = `translate(${look.x}px, ${look.y}px)`;
  classList.toggle("sharp", look.scale >= SHARP);
  $("percent").textContent = `${Math.round(100 * look.scale)} %`;
  photo.view = { ...look };
  for (const watcher of watchers) watcher();
}

// Shows the whole photograph, small ones enlarged.
export function fit() {
  if (!state.photo?.width) return;
  const { width, height } = stage();
  look.scale = fitting();
  look.x = (width - state.photo.width * look.scale) / 2;
  look.y = (height - state.photo.height * look.scale) / 2;
  look.fitted = true;
  apply();
}

// Shows a photograph where it was looked at before, or all of it.
export function lookAt(photo) {
  if (!photo.view || photo.view.fitted) return fit();
  Object.assign(look, photo.view);
  return apply();
}

// Zooms by a factor about a point of the window; the stage's middle without one.
export function zoom(factor, point) {
  if (!state.photo?.width) return;
  const box = stage();
  const x = (point ? point[0] : box.left + box.width / 2) - box.left;
  const y = (point ? point[1] : box.top + box.height / 2) - box.top;
  const least = Math.min(fitting(), 1) / 2;
  const next = Math.min(Math.max(look.scale * factor, least), LARGEST);
  look.x = x - ((x - look.x) * next) / look.scale;
  look.y = y - ((y - look.y) * next) / look.scale;
  look.scale = next;
  look.fitted = false;
  apply();
}

export function actualSize() {
  zoom(1 / look.scale);
}

export function pan(x, y) {
  look.x += x;
  look.y += y;
  look.fitted = false;
  apply();
}

// The picture's pixel, with fractions, at a point of the window.
export function toPicture(x, y) {
  const box = stage();
  return [(x - box.left - look.x) / look.scale, (y - box.top - look.y) / look.scale];
}

function onWheel(event) {
  event.preventDefault();
  const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
  const speed = event.ctrlKey ? 0.01 : 0.0015; // browsers report pinching a touchpad with Ctrl
  zoom(Math.exp(-event.deltaY * lines * speed), [event.clientX, event.clientY]);
}

export function startView() {
  $("frame").addEventListener("wheel", onWheel, { passive: false });
  $("zoom_in").onclick = () => zoom(1.25);
  $("zoom_out").onclick = () => zoom(0.8);
  $("fit").onclick = fit;
  $("actual").onclick = actualSize;
  new ResizeObserver(() => (look.fitted ? fit() : apply())).observe($("stage"));
}
