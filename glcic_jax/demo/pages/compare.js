// Before and after: a slider, its handle on the picture, and a button to hold.
import { $, hide } from "./dom.js";
import { onChange, state } from "./state.js";

let last = null; // the picture that the slider was set for
let held = false;

function show() {
  const share = held ? 100 : Number($("split").value);
  $("edge").hidden = held || share === 0; // it would lie over what is to be painted
  $("view").style.setProperty("--split", `${share}%`);
  $("stage").classList.toggle("compared", share > 0);
  $("split").setAttribute("aria-valuetext", `${Math.round(share)} % before`);
}

// Shows the result alone.
export function endComparison() {
  $("split").value = 0;
  show();
}

// Shows the photograph as it was for as long as this is on.
export function holdBefore(on) {
  held = on && Boolean(state.photo?.completed);
  show();
}

function onEdge(event) {
  if (!event.buttons) return;
  const box = $("view").getBoundingClientRect();
  $("split").value = ((event.clientX - box.left) / box.width) * 100;
  show();
}

function refresh() {
  const completed = Boolean(state.photo?.completed);
  hide("result", !completed, "complete");
  $("before").hidden = !completed;
  if (state.photo?.now.picture === last) return;
  last = state.photo?.now.picture;
  held = false;
  endComparison();
}

export function startCompare() {
  const [edge, hold] = [$("edge"), $("hold")];
  $("split").oninput = show;
  edge.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    edge.setPointerCapture(event.pointerId);
    event.preventDefault();
    event.stopPropagation(); // it does not paint
  });
  edge.addEventListener("pointermove", onEdge);
  hold.addEventListener("pointerdown", (event) => {
    hold.setPointerCapture(event.pointerId);
    holdBefore(true);
  });
  for (const kind of ["pointerup", "pointercancel", "blur"]) {
    hold.addEventListener(kind, () => holdBefore(false));
  }
  hold.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press on a phone
  hold.addEventListener("keydown", (event) => {
    if (event.key === " " || event.key === "Enter") holdBefore(true);
  });
  hold.addEventListener("keyup", () => holdBefore(false));
  onChange(refresh);
}
