// Masks from files: the one that a user adds, and what the server selects.
import { onFiles, onPress, $ } from "./dom.js";
import { report } from "./status.js";
import { changed, locked, state } from "./state.js";

// A mask as the server reads it: opaque where the grey value is at least 128 and the file is not
// transparent.
export async function maskOf(file) {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const pen = canvas.getContext("2d");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
  const { data } = pixels;
  for (let i = 0; i < data.length; i += 4) {
    const grey = 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
    data[i] = data[i + 1] = data[i + 2] = 255;
    data[i + 3] = Math.round(grey) >= 128 ? 255 : 0;
  }
  pen.putImageData(pixels, 0, 0);
  return createImageBitmap(canvas);
}

async function add(file) {
  const { photo } = state;
  if (!file || locked()) return;
  const before = photo.now;
  let mask;
  try {
    mask = await maskOf(file);
  } catch {
    report("this mask cannot be read: open a PNG, JPEG, WebP or BMP picture", true);
    return;
  }
  if (photo.now !== before) return; // something else was done meanwhile
  const { width, height } = photo;
  if (mask.width !== width || mask.height !== height) {
    const sizes = `the mask has ${mask.width} x ${mask.height} pixels and the photograph `;
    report(`${sizes}${width} x ${height}: make them fit`, true);
    return;
  }
  photo.mark([...before.marks, { kind: "bitmap", layer: "mask", bitmap: mask, size: [width, height] }]);
  changed();
  report("the mask is added to what is painted");
}

export function startMaskFile() {
  onPress("mask_file", () => $("upload").click());
  onFiles("upload", ([file]) => add(file));
}
