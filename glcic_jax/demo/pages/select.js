// Click to select: the server marks the thing that was clicked on, and more clicks refine it.
import { onPress } from "./dom.js";
import { maskOf } from "./mask_file.js";
import { post, working } from "./request.js";
import { changed, state } from "./state.js";
import { report } from "./status.js";

const SENT = 1536; // pixels along the longer edge of the copy that is sent
const MOST_POINTS = 400; // of one scribble
const copies = new WeakMap(); // reduced copies by the picture
let apart = null; // the mark after which another thing begins

// A smaller copy of the picture: it is quick to send, and the selection is as sharp as the screen.
async function copyOf(picture, { width, height }) {
  if (copies.has(picture)) return copies.get(picture);
  const scale = Math.min(1, SENT / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  const bitmap = await createImageBitmap(picture);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const copy = { blob: await canvas.convertToBlob({ type: "image/png" }), scale };
  copies.set(picture, copy);
  return copy;
}

// A click is one point, and a scribble not more than the server takes.
function thinned(all) {
  const points = all.filter(([x, y], index) => !index || x !== all[index - 1][0] || y !== all[index - 1][1]);
  const every = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, index) => index % every === 0);
}

// Marks the thing under points of the picture, or takes what is there away from it.
export async function select(points, inside) {
  const { photo } = state;
  const before = photo.now;
  const last = before.marks.at(-1);
  const going = last?.clicks && last !== apart ? last : null;
  if (!going && !inside) {
    report("click on the thing first, then on what does not belong to it", true);
    return;
  }
  const clicks = [...(going?.clicks ?? []), { inside, points: thinned(points) }];
  if (clicks.length > state.limits.marks) {
    report(`a thing takes ${state.limits.marks} clicks at most: mark the rest as another thing`, true);
    return;
  }
  await working(photo, "selecting", async (job) => {
    const { blob, scale } = await copyOf(before.picture, photo);
    const marks = clicks.map((click) => ({
      inside: click.inside,
      points: click.points.map(([x, y]) => [x * scale, y * scale]),
    }));
    const form = new FormData();
    form.append("image", blob, "copy.png");
    form.append("marks", JSON.stringify(marks));
    const bitmap = await maskOf((await post(job, "api/select", form)).blob);
    const mark = { kind: "bitmap", layer: "mask", bitmap, size: [photo.width, photo.height], clicks };
    const kept = going ? before.marks.slice(0, -1) : before.marks;
    photo.mark([...kept, mark]);
    report(going ? "the selection is refined" : "selected: more clicks refine it");
  });
}

export function startSelect() {
  onPress("next_thing", () => {
    apart = state.photo?.now.marks.at(-1) ?? null;
    changed();
    report("the next click marks another thing");
  });
}
