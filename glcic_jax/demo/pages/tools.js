// The tools: each makes a mark from the points that a pointer went through.
import { $, onPress } from "./dom.js";
import { complete } from "./complete.js";
import { select } from "./select.js";
import { diameter } from "./settings.js";
import { changed, locked, onChange, state } from "./state.js";
import { report } from "./status.js";
import { scale } from "./view.js";

const HINTS = {
  brush: "Paint over what should go.",
  erase: "Paint over what should stay after all.",
  select: "Click on a thing, or draw over it. More clicks refine it; the right button, or Alt, takes away.",
  box: "Drag a box. With the keyboard: arrows move it, Shift and arrows resize it, Enter marks it.",
  lasso: "Draw around what should go.",
  border: "Drag inwards from an edge, or mark all four.",
  avoid: "Paint over what must not be copied from, where texture is copied.",
};
const SMALLEST = 2; // pixels of the screen along a box that counts

function bounded(points) {
  const { width, height } = state.photo;
  return points.map(([x, y]) => [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)]);
}

export function boxOf([x0, y0, x1, y1]) {
  const box = [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)];
  return { kind: "box", layer: "mask", box: box.map(Math.round) };
}

// A strip along the edge that is the closest to where the pointer went down, as wide as it was dragged.
function strip(points) {
  const { width, height } = state.photo;
  const [[x, y], [toX, toY]] = [points[0], points.at(-1)];
  const edges = [
    [x, [0, 0, toX, height]],
    [y, [0, 0, width, toY]],
    [width - x, [toX, 0, width, height]],
    [height - y, [0, toY, width, height]],
  ];
  return boxOf(edges.reduce((best, edge) => (edge[0] < best[0] ? edge : best))[1]);
}

const MAKE = {
  brush: (points) => ({ kind: "stroke", layer: "mask", points, diameter: diameter() }),
  erase: (points) => ({ kind: "erase", points, diameter: diameter() }),
  avoid: (points) => ({ kind: "stroke", layer: "avoid", points, diameter: diameter() }),
  lasso: (points) => ({ kind: "lasso", layer: "mask", points }),
  box: (points) => boxOf([...bounded(points)[0], ...bounded(points).at(-1)]),
  border: (points) => strip(bounded(points)),
  select: (points) => ({ kind: "stroke", layer: "mask", points, diameter: 4 / scale() }),
};

const SHAPES = ["brush", "box", "lasso", "border"]; // after these, it may complete by itself

// The mark of the current tool for these points of the picture.
export function markOf(points) {
  return MAKE[state.tool](points);
}

// Whether a mark is large enough to have been meant.
function meant(mark) {
  if (mark.kind === "box") return Math.min(mark.box[2], mark.box[3]) * scale() >= SMALLEST;
  return mark.kind !== "lasso" || mark.points.length > 2;
}

// Adds what was drawn to the photograph, and completes it if the switch says so.
export function finish(points, outside = false) {
  if (locked()) return;
  if (state.tool === "select") {
    select(points, !(outside || $("outside").checked));
    return;
  }
  const mark = markOf(points);
  if (meant(mark)) add(mark);
}

export function add(mark) {
  if (locked()) return;
  state.photo.mark([...state.photo.now.marks, mark]);
  changed();
  if ($("auto").checked && SHAPES.includes(state.tool)) complete();
}

export function choose(tool) {
  state.tool = tool;
  changed();
}

function markBorder() {
  if (locked()) return;
  const { width, height } = state.photo;
  const by = Math.round(Number($("border_width").value));
  if (!(by >= 1 && 2 * by < Math.min(width, height))) {
    report(`a border has 1 to ${Math.ceil(Math.min(width, height) / 2) - 1} pixels here`, true);
    return;
  }
  const sides = [
    [0, 0, width, by],
    [0, height - by, width, height],
    [0, by, by, height - by],
    [width - by, by, width, height - by],
  ];
  const { marks } = state.photo.now;
  state.photo.mark([...marks, ...sides.map(boxOf)]);
  changed();
  if ($("auto").checked) complete();
}

export function startTools() {
  const buttons = [...$("tools").querySelectorAll("button")];
  for (const button of buttons) button.onclick = () => choose(button.dataset.tool);
  onPress("mark_border", markBorder);
  onPress("undo", () => step("undo"));
  onPress("redo", () => step("redo"));
  onPress("clear", () => {
    state.photo.mark([]);
    changed();
  });
  onChange(() => {
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === state.tool));
    }
    $("hint").textContent = HINTS[state.tool];
    $("border_options").hidden = state.tool !== "border";
    $("select_options").hidden = state.tool !== "select";
  });
}

function step(way) {
  const { photo } = state;
  const before = photo.now;
  photo.history[way]();
  changed();
  if (before.picture !== photo.now.picture) report(`${way === "undo" ? "undone" : "done again"}: a completion`);
}
