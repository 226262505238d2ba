// The box by keyboard: arrows move it, Shift and arrows resize it, Alt makes the steps small, Enter
// marks it, Escape gives it up.
import { $ } from "./dom.js";
import { showLive } from "./screen.js";
import { locked, onChange, state } from "./state.js";
import { report } from "./status.js";
import { add, boxOf } from "./tools.js";

const STEP = 20; // steps along the shorter edge
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let box = null; // [left, top, right, bottom] in pixels of the picture
let boxed = null; // the photograph that it is for

function middle({ width, height }) {
  return [width * 0.375, height * 0.375, width * 0.625, height * 0.625].map(Math.round);
}

function forget() {
  if (box) showLive(null);
  box = boxed = null;
}

function moved([x, y], resize, by) {
  const { width, height } = boxed;
  const [left, top, right, bottom] = box;
  if (resize) {
    const toX = Math.min(Math.max(right + x * by, left + 1), width);
    return [left, top, toX, Math.min(Math.max(bottom + y * by, top + 1), height)];
  }
  const byX = Math.min(Math.max(x * by, -left), width - right);
  const byY = Math.min(Math.max(y * by, -top), height - bottom);
  return [left + byX, top + byY, right + byX, bottom + byY];
}

function onKey(event) {
  const arrow = KEYS[event.key];
  if (state.tool !== "box" || locked() || event.ctrlKey || event.metaKey) return;
  if (arrow) {
    const { width, height } = state.photo;
    const by = event.altKey ? 1 : Math.max(1, Math.round(Math.min(width, height) / STEP));
    if (box) box = moved(arrow, event.shiftKey, by);
    else [box, boxed] = [middle(state.photo), state.photo];
    const mark = boxOf(box);
    showLive(mark);
    const [x, y, wide, high] = mark.box;
    report(`box at ${x}, ${y}, ${wide} x ${high} pixels: Enter marks it`);
  } else if (event.key === "Enter" && box) {
    const mark = boxOf(box);
    forget();
    add(mark);
    report("the box is marked");
  } else if (event.key === "Escape" && box) {
    forget();
    report("no box");
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

export function startBoxKeys() {
  $("stage").addEventListener("keydown", onKey);
  onChange(() => {
    if (state.tool !== "box" || state.photo !== boxed) forget();
  });
}
