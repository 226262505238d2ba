// Shortcuts, and the dialog that lists them. Keys without Ctrl can be switched off there.
import { $, onPress } from "./dom.js";
import { holdBefore } from "./compare.js";
import { dropStroke, holdSpace, hovering, showSize } from "./pointer.js";
import { turn } from "./photos.js";
import { cancel } from "./request.js";
import { changed, state } from "./state.js";
import { choose } from "./tools.js";
import { actualSize, fit, zoom } from "./view.js";

const press = (id) => () => $(id).click();

function resize(factor) {
  $("size").value = Math.round(Number($("size").value) * factor) || 1;
  changed();
  showSize();
}

// The name of a key in the lists below, whether caps lock is on or not.
function nameOf({ key, ctrlKey, metaKey, shiftKey }) {
  const name = key.length === 1 ? key.toLowerCase() : key;
  return (ctrlKey || metaKey) && shiftKey ? `shift ${name}` : name;
}

// [key by nameOf, keys as people read them, what they do, the action]
const WITH_CTRL = [
  ["z", "Ctrl Z", "undo", press("undo")],
  ["shift z", "Ctrl Shift Z", "redo", press("redo")],
  ["y", "Ctrl Y", "redo", press("redo")],
  ["s", "Ctrl S", "download", press("download")],
  ["c", "Ctrl C", "copy the picture", press("copy")],
  ["o", "Ctrl O", "open photographs", press("open_file")],
  ["Enter", "Ctrl Enter", "complete", press("complete")],
];
const ALONE = [
  ["b", "B", "brush", () => choose("brush")],
  ["e", "E", "eraser", () => choose("erase")],
  ["s", "S", "click to select", () => choose("select")],
  ["r", "R", "box", () => choose("box")],
  ["l", "L", "lasso", () => choose("lasso")],
  ["f", "F", "border", () => choose("border")],
  ["a", "A", "do not copy from here", () => choose("avoid")],
  ["[", "[", "smaller brush", () => resize(0.8)],
  ["]", "]", "larger brush", () => resize(1.25)],
  ["+", "+", "zoom in", () => zoom(1.25)],
  ["-", "-", "zoom out", () => zoom(0.8)],
  ["0", "0", "whole photograph", fit],
  ["1", "1", "actual size", actualSize],
  ["c", "C", "hold to compare", () => holdBefore(true)],
  ["n", "N", "another one", press("another")],
  ["PageDown", "Page Down", "next photograph", () => turn(1)],
  ["PageUp", "Page Up", "photograph before", () => turn(-1)],
  ["Escape", "Esc", "cancel", () => (state.job ? cancel() : dropStroke())],
  ["?", "?", "these shortcuts", () => $("keys").showModal()],
];

// Whether an element that has the focus takes a key for itself.
function takes(target, key) {
  if (target.matches("input[type=range]")) return key.startsWith("Page");
  return target.matches("select, input[type=number]");
}

// The space bar moves the photograph where the mouse is over it, unless the keyboard is what is used.
function space(event, on) {
  const used = document.activeElement !== $("stage") && document.activeElement.matches(":focus-visible");
  if (on && (used || !hovering() || document.querySelector("dialog[open]"))) return;
  event.preventDefault();
  holdSpace(on);
}

let spaceDown = false;
function onKey(event) {
  if (event.key === " ") {
    if (!event.repeat) space(event, true);
    else if (spaceDown) event.preventDefault();
    spaceDown = event.defaultPrevented;
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  const control = event.ctrlKey || event.metaKey;
  if (!control && (!$("letters").checked || event.altKey || takes(event.target, event.key))) return;
  if (control && event.key === "c" && String(getSelection())) return; // text is copied as always
  const found = (control ? WITH_CTRL : ALONE).find(([key]) => key === nameOf(event));
  if (!found || (event.repeat && found[0] === "c")) return;
  event.preventDefault();
  found[3]();
}

function onKeyUp(event) {
  if (nameOf(event) === "c") holdBefore(false);
  if (event.key !== " " || !spaceDown) return;
  spaceDown = false;
  space(event, false);
}

function row([, keys, what]) {
  const [line, left, right] = ["tr", "td", "td"].map((tag) => document.createElement(tag));
  for (const key of keys.split(" ")) {
    const element = document.createElement("kbd");
    element.textContent = key;
    left.append(element, " ");
  }
  right.textContent = what;
  line.append(left, right);
  return line;
}

export function startShortcuts() {
  $("shortcuts").append(...[...WITH_CTRL, ...ALONE].map(row));
  onPress("help", () => $("keys").showModal());
  onPress("keys_close", () => $("keys").close());
  addEventListener("keydown", onKey);
  addEventListener("keyup", onKeyUp);
  addEventListener("blur", () => {
    holdBefore(false);
    holdSpace(false);
    spaceDown = false;
  });
}
