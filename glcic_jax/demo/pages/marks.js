// What is painted: marks in the picture's own pixels, so that they are as sharp at its full size as on
// the screen. A mark is never changed once it is made:
//   { kind: "stroke", layer, points: [[x, y], ...], diameter }
//   { kind: "erase", points, diameter }, which takes away from both layers
//   { kind: "box", layer, box: [x, y, width, height] }
//   { kind: "lasso", layer, points }
//   { kind: "bitmap", layer, bitmap, size: [width, height] }, such as a mask's file or a selection
// The layer "mask" is to be filled; the layer "avoid" must not be copied from.

function line(pen, points, width) {
  pen.lineWidth = width;
  pen.beginPath();
  pen.moveTo(...points[0]);
  for (const point of points) pen.lineTo(...point);
  const [x, y] = points.at(-1);
  pen.lineTo(x + 1e-3, y); // canvases draw no line without a length, but a click is a dot
}

const DRAW = {
  stroke(pen, { points, diameter }, grow) {
    line(pen, points, diameter + 2 * grow);
    pen.stroke();
  },
  erase(pen, { points, diameter }) {
    line(pen, points, diameter);
    pen.stroke();
  },
  box(pen, { box: [x, y, width, height] }, grow) {
    pen.fillRect(x - grow, y - grow, width + 2 * grow, height + 2 * grow);
  },
  lasso(pen, { points }, grow) {
    line(pen, points, 2 * grow);
    pen.closePath();
    pen.fill();
    if (grow) pen.stroke();
  },
  bitmap(pen, { bitmap, size }, grow, scale) {
    const { canvas } = pen;
    pen.drawImage(grown(bitmap, canvas.width, canvas.height, size, grow * scale), 0, 0, ...size);
  },
};

// A bitmap whose opaque part has grown by `reach` of the canvas's pixels. Copies are drawn shifted in
// eight directions, by 1, 2, 4, ... pixels, which leaves no gaps.
const known = new WeakMap();
function grown(bitmap, width, height, size, reach) {
  const key = [width, height, reach].join();
  if (known.get(bitmap)?.key === key) return known.get(bitmap).canvas;
  let canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, width, height);
  let step = 1;
  for (let left = reach; left > 0; left -= step, step *= 2) {
    const by = Math.min(step, left);
    const next = new OffscreenCanvas(width, height);
    const pen = next.getContext("2d");
    pen.drawImage(canvas, 0, 0);
    for (let turn = 0; turn < 8; turn += 1) {
      const angle = (turn * Math.PI) / 4;
      pen.drawImage(canvas, by * Math.cos(angle), by * Math.sin(angle));
    }
    canvas = next;
  }
  known.set(bitmap, { key, canvas });
  return canvas;
}

// Paints the marks of a layer onto a canvas, in white. One pixel of the picture is `scale` of its own.
export function paint(canvas, scale, marks, layer, grow) {
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = pen.fillStyle = "white";
  for (const mark of marks) {
    if (mark.kind !== "erase" && mark.layer !== layer) continue;
    pen.globalCompositeOperation = mark.kind === "erase" ? "destination-out" : "source-over";
    DRAW[mark.kind](pen, mark, layer === "mask" ? grow : 0, scale);
  }
  pen.globalCompositeOperation = "source-over";
  pen.resetTransform();
}

const ROWS = 128; // rows of a canvas that are read at a time

// Whether anything of a canvas counts as white when the server reads it.
export function anythingIn(canvas) {
  const pen = canvas.getContext("2d");
  for (let top = 0; top < canvas.height; top += ROWS) {
    const rows = Math.min(ROWS, canvas.height - top);
    const { data } = pen.getImageData(0, top, canvas.width, rows);
    for (let i = 3; i < data.length; i += 4) if (data[i] >= 128) return true;
  }
  return false;
}

// A PNG of the picture's full size, or null where nothing is left of the marks. What is not painted is
// transparent, which masks count as black.
export async function pngOf({ width, height }, marks, layer, grow) {
  const canvas = new OffscreenCanvas(width, height);
  paint(canvas, 1, marks, layer, grow);
  return anythingIn(canvas) ? canvas.convertToBlob({ type: "image/png" }) : null;
}
