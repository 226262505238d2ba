// Shows the photograph as it is now, the one it was, and what is painted over it.
import { $, hide, switchOff } from "./dom.js";
import { anythingIn, paint } from "./marks.js";
import { growth } from "./settings.js";
import { locked, onChange, state } from "./state.js";

const SHARPEST = 2048; // pixels along the longer edge of what is painted on the screen
const TINTS = { mask: () => "#ff2d78", avoid: hatching };

// Stripes, so that the two layers differ by more than their colour.
function hatching(pen) {
  const tile = new OffscreenCanvas(12, 12);
  const tilePen = tile.getContext("2d");
  tilePen.fillStyle = "#0a3d5c99";
  tilePen.fillRect(0, 0, 12, 12);
  tilePen.strokeStyle = "#7fe0ff";
  tilePen.lineWidth = 3;
  for (const x of [-12, 0, 12]) {
    tilePen.moveTo(x - 2, 14);
    tilePen.lineTo(x + 14, -2);
  }
  tilePen.stroke();
  return pen.createPattern(tile, "repeat");
}

// One layer on the screen. All marks but the one being drawn are kept in a canvas beside it.
class Layer {
  constructor(name) {
    this.name = name;
    this.canvas = $(name);
    this.settled = new OffscreenCanvas(1, 1);
    this.key = [];
    this.filled = false;
  }

  settle(photo, marks, grow) {
    const key = [photo, marks, grow];
    if (key.every((part, index) => part === this.key[index])) return;
    this.key = key;
    this.scale = Math.min(1, SHARPEST / Math.max(photo.width, photo.height));
    for (const canvas of [this.canvas, this.settled]) {
      canvas.width = Math.max(1, Math.round(photo.width * this.scale));
      canvas.height = Math.max(1, Math.round(photo.height * this.scale));
    }
    paint(this.settled, this.scale, marks, this.name, grow);
    this.filled = marks.some((mark) => mark.layer === this.name) && anythingIn(this.settled);
    this.grow = grow;
    this.show(null);
  }

  // Shows the layer with one more mark, which is being drawn, or null.
  show(mark) {
    this.live = mark;
    const pen = this.canvas.getContext("2d");
    pen.globalCompositeOperation = "source-over";
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.settled, 0, 0);
    if (mark) paint(this.canvas, this.scale, [mark], this.name, this.grow);
    pen.globalCompositeOperation = "source-in";
    pen.fillStyle = TINTS[this.name](pen);
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }
}

const layers = [];
const shown = {}; // blobs by the id of the image that shows them

// Swaps an image without a flash; one that was asked for later wins.
async function swap(id, blob) {
  if (shown[id] === blob) return;
  shown[id] = blob;
  const address = URL.createObjectURL(blob);
  const image = new Image();
  image.src = address;
  await image.decode().catch(() => {});
  if (shown[id] !== blob) {
    URL.revokeObjectURL(address);
    return;
  }
  URL.revokeObjectURL($(id).src);
  $(id).src = address;
}

// Shows a mark that is being drawn.
export function showLive(mark) {
  for (const layer of layers) {
    const concerned = mark && (mark.kind === "erase" || mark.layer === layer.name);
    if (concerned || layer.live) layer.show(concerned ? mark : null);
  }
}

let last = null;

function refresh() {
  const { photo } = state;
  const ready = Boolean(photo?.width);
  if (photo !== last) $("photo").removeAttribute("src"); // never one photograph in another's place
  last = photo;
  $("view").hidden = $("zoom").hidden = !ready;
  hide("empty", Boolean(photo), "stage");
  $("name").textContent = photo ? `${photo.name}  ·  ${photo.width} × ${photo.height}` : "";
  $("stage").setAttribute("aria-label", photo ? `Photograph ${photo.name}` : "Photograph");
  if (!ready) return;
  swap("photo", photo.now.picture);
  if (photo.completed) swap("before", photo.file);
  for (const layer of layers) layer.settle(photo, photo.now.marks, growth());
  switchOff("complete", state.job || !layers[0].filled);
  switchOff("undo", locked() || !photo.history.canUndo);
  switchOff("redo", locked() || !photo.history.canRedo);
  switchOff("clear", locked() || !photo.now.marks.length);
  switchOff("mask_file", locked());
}

export function startScreen() {
  layers.push(new Layer("mask"), new Layer("avoid"));
  onChange(refresh);
}
