// The form: how wide the brush is, by how much marks grow, and how they are filled.
import { $ } from "./dom.js";
import { changed, onChange, state } from "./state.js";

// Sliders count thousandths of the longer edge, so that they suit pictures of every size.
function pixels(id) {
  const { photo } = state;
  return (Number($(id).value) * Math.max(photo?.width ?? 0, photo?.height ?? 0)) / 1000;
}

// Width of the brush in pixels of the picture.
export function diameter() {
  return Math.max(1, Math.round(pixels("size")));
}

// Pixels of the picture by which what is painted grows on all sides.
export function growth() {
  return Math.round(pixels("grow"));
}

// How the next completion is done: the fields of the form that the server takes.
export function chosen() {
  const { blends } = state.methods[$("method").selectedIndex];
  const way = typeof blends === "string" ? blends : "1"; // as the method does it
  return {
    method: $("method").value,
    postprocess: $("postprocess").checked ? way : "0",
    texture: $("texture").checked ? "1" : "0",
  };
}

function showMethod() {
  const method = state.methods[$("method").selectedIndex];
  if (!method) return;
  const learnt = method.step === null ? "" : `, after ${method.step.toLocaleString("en")} updates`;
  $("method").title = method.name + learnt;
  $("about").textContent = method.about;
  $("texture").checked = method.texture;
  $("postprocess").checked = Boolean(method.blends);
  $("postprocess").disabled = method.step === null; // a fill meets its surroundings by itself
  changed();
}

function showPixels(slider, output, value) {
  const unit = value === 1 ? "pixel" : "pixels";
  $(output).textContent = state.photo?.width ? `${value} ${unit}` : "";
  $(slider).setAttribute("aria-valuetext", `${value} ${unit}`);
}

export function startSettings() {
  for (const method of state.methods) $("method").append(new Option(method.label, method.name));
  $("method").onchange = showMethod;
  $("size").oninput = $("grow").oninput = $("texture").onchange = changed;
  $("panel").onsubmit = (event) => event.preventDefault();
  $("options").onclick = () => {
    const open = $("panel").classList.toggle("open");
    $("options").setAttribute("aria-expanded", String(open));
  };
  onChange(() => {
    showPixels("size", "diameter", diameter());
    showPixels("grow", "growth", growth());
  });
  showMethod();
}
