// What is painted: strokes in the picture's own pixels, so that they are as sharp at its full size
// as on the screen. White (or whatever colour is asked for) is to be filled.

export class Strokes {
  constructor() {
    this.steps = [];
  }

  begin(point, diameter, erase) {
    this.steps.push({ points: [point], diameter, erase });
  }

  extend(point) {
    this.steps.at(-1).points.push(point);
  }

  // A whole mask: an ImageBitmap of the picture's size, transparent where nothing is to be filled.
  add(bitmap) {
    this.steps.push({ bitmap });
  }

  undo() {
    this.steps.pop();
  }

  clear() {
    if (this.steps.length && !this.steps.at(-1).clear) this.steps.push({ clear: true });
  }

  get empty() {
    return !this.steps.length || Boolean(this.steps.at(-1).clear);
  }

  // Paints everything onto a canvas that shows the picture, `scale` of its pixels to one of ours.
  draw(canvas, scale, colour) {
    const pen = canvas.getContext("2d");
    pen.resetTransform();
    pen.globalCompositeOperation = "source-over";
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.scale(scale, scale);
    pen.lineCap = pen.lineJoin = "round";
    for (const step of this.steps) {
      pen.globalCompositeOperation = step.erase ? "destination-out" : "source-over";
      if (step.clear) {
        pen.clearRect(0, 0, canvas.width / scale, canvas.height / scale);
      } else if (step.bitmap) {
        pen.drawImage(step.bitmap, 0, 0);
      } else {
        pen.strokeStyle = "white";
        pen.lineWidth = step.diameter;
        pen.beginPath();
        pen.moveTo(...step.points[0]);
        for (const point of step.points) pen.lineTo(...point);
        pen.stroke();
      }
    }
    pen.globalCompositeOperation = "source-in";
    pen.fillStyle = colour;
    pen.fillRect(0, 0, canvas.width / scale, canvas.height / scale);
  }

  // A PNG of the picture's full size. Known pixels are transparent, which masks count as black.
  async png(width, height) {
    const canvas = new OffscreenCanvas(width, height);
    this.draw(canvas, 1, "white");
    return canvas.convertToBlob({ type: "image/png" });
  }
}

// The mask in a file, as the server reads it: filled where the grey value is at least 128 and the
// file is not transparent.
export async function maskOf(file) {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const pen = canvas.getContext("2d");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
  const data = pixels.data;
  for (let i = 0; i < data.length; i += 4) {
    const grey = 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
    data[i] = data[i + 1] = data[i + 2] = 255;
    data[i + 3] = Math.round(grey) >= 128 ? 255 : 0;
  }
  pen.putImageData(pixels, 0, 0);
  return createImageBitmap(canvas);
}
