// Mouse, pen and fingers on the stage: one draws with the current tool, two zoom and pan.
import { $ } from "./dom.js";
import { endComparison } from "./compare.js";
import { diameter } from "./settings.js";
import { finish, markOf } from "./tools.js";
import { showLive } from "./screen.js";
import { locked, onChange, state } from "./state.js";
import { onLook, pan, scale, toPicture, zoom } from "./view.js";

const CIRCLED = ["brush", "erase", "avoid"]; // tools with a width
const down = new Map(); // pointers that are down, and where
let action = null; // { move(event), end(), cancel() }: what they do
let spaceHeld = false;
let over = null; // where a mouse or pen is

const at = (event) => [event.clientX, event.clientY];

function drawing(event) {
  if (locked()) return null;
  endComparison(); // what is painted shall be seen
  const { photo, tool } = state;
  const points = [toPicture(...at(event))];
  const outside = event.altKey || event.button === 2;
  const current = () => state.photo === photo && state.tool === tool && !locked();
  showLive(markOf(points));
  return {
    move(moved) {
      const parts = moved.getCoalescedEvents(); // the browser's own, between two frames
      for (const part of parts.length ? parts : [moved]) points.push(toPicture(...at(part)));
      if (current()) showLive(markOf(points));
    },
    end() {
      showLive(null);
      if (current()) finish(points, outside);
    },
    cancel: () => showLive(null),
  };
}

function panning(event) {
  let [x, y] = at(event);
  return {
    move(moved) {
      pan(moved.clientX - x, moved.clientY - y);
      [x, y] = at(moved);
    },
    end() {},
    cancel() {},
  };
}

function pinching() {
  const measure = () => {
    const [a, b] = [...down.values()];
    return { distance: Math.hypot(a[0] - b[0], a[1] - b[1]) || 1, x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2 };
  };
  let last = measure();
  return {
    move() {
      if (down.size < 2) return;
      const now = measure();
      pan(now.x - last.x, now.y - last.y);
      zoom(now.distance / last.distance, [now.x, now.y]);
      last = now;
    },
    end() {},
    cancel() {},
  };
}

function onDown(event) {
  if (!state.photo?.width || event.target.id === "edge") return;
  if (event.button === 2 && state.tool !== "select") return;
  down.set(event.pointerId, at(event));
  $("stage").setPointerCapture(event.pointerId);
  if (down.size === 1) {
    action = spaceHeld || event.button === 1 ? panning(event) : drawing(event);
  } else {
    action?.cancel(); // the first finger's stroke was none
    action = down.size === 2 ? pinching() : null;
  }
  if (event.button === 1) event.preventDefault(); // no scrolling by the middle button
}

function onMove(event) {
  over = event.pointerType === "touch" ? null : at(event);
  circle();
  if (!down.has(event.pointerId)) return;
  down.set(event.pointerId, at(event));
  action?.move(event);
}

function onUp(event) {
  if (!down.delete(event.pointerId)) return;
  if (event.type === "pointercancel") action?.cancel();
  else if (!down.size) action?.end();
  if (!down.size) action = null;
  else if (down.size === 1) action = { move() {}, end() {}, cancel() {} }; // of two fingers, one is left
}

// Gives up the stroke that is being drawn.
export function dropStroke() {
  action?.cancel();
  action = null;
}

// Shows the brush in its true size: under the pointer, or in the middle while its size changes.
function circle(middle = false) {
  const wide = diameter() * scale();
  const box = $("stage").getBoundingClientRect();
  const place = middle ? [box.left + box.width / 2, box.top + box.height / 2] : over;
  const shown = place && state.photo?.width && CIRCLED.includes(state.tool) && !spaceHeld;
  $("circle").hidden = !shown;
  $("stage").dataset.cursor = cursor();
  if (!shown) return;
  const { style } = $("circle");
  style.width = style.height = `${wide}px`;
  style.transform = `translate(${place[0] - box.left - wide / 2}px, ${place[1] - box.top - wide / 2}px)`;
}

function cursor() {
  if (spaceHeld) return "pan";
  if (!state.photo) return "none";
  return locked() ? "busy" : "cross";
}

let hiding = 0;
export function showSize() {
  clearTimeout(hiding);
  if (over) return circle();
  circle(true);
  hiding = setTimeout(() => circle(), 900);
}

// Whether a mouse is over the stage.
export function hovering() {
  return over !== null;
}

export function holdSpace(on) {
  spaceHeld = on;
  circle();
}

export function startPointer() {
  const stage = $("stage");
  stage.addEventListener("pointerdown", onDown);
  stage.addEventListener("pointermove", onMove);
  for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, onUp);
  stage.addEventListener("pointerleave", () => {
    over = null;
    circle();
  });
  stage.addEventListener("contextmenu", (event) => state.tool === "select" && event.preventDefault());
  stage.addEventListener("mousedown", (event) => event.button === 1 && event.preventDefault());
  $("size").addEventListener("input", showSize);
  onChange(() => circle());
  onLook(() => circle());
}
