// Download and clipboard: the picture leaves the page.
import { $, onPress, switchOff } from "./dom.js";
import { post, working } from "./request.js";
import { onChange, state } from "./state.js";
import { report } from "./status.js";

// The name that a PNG gets: "x.jpg" and "x_completed.png" both give "x_completed.png".
function pngName(name) {
  return `${name.replace(/\.[^.]*$/, "").replace(/(_completed)+$/, "")}_completed.png`;
}

function hand(blob, name) {
  const link = document.createElement("a"); // none stays behind in the page
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function written(job, photo, picture, kind) {
  if (kind === "png") return { blob: picture, name: pngName(photo.name), remarks: [] }; // as it came
  const form = new FormData();
  form.append("image", photo.file, photo.name);
  form.append("result", picture, "result.png");
  form.append("kind", kind);
  const { blob, header } = await post(job, "api/save", form);
  const [name, remarks] = [decodeURIComponent(header("Glcic-Name")), JSON.parse(header("Glcic-Remarks"))];
  return { blob, name, remarks };
}

export async function download() {
  const { photo } = state;
  if (!photo?.completed) return;
  const { picture } = photo.now;
  await working(photo, "writing the file", async (job) => {
    const { blob, name, remarks } = await written(job, photo, picture, $("kind").value);
    hand(blob, name);
    photo.kept = picture;
    report([`${name} is downloaded`, ...remarks].join("; "));
  });
}

export async function copy() {
  const { photo } = state;
  if (!photo?.completed) return;
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": photo.now.picture })]);
    report("the picture is copied to the clipboard");
  } catch {
    report("the browser does not let pages copy pictures here: download it instead", true);
  }
}

export function startSave() {
  onPress("download", download);
  onPress("copy", copy);
  onChange(() => {
    switchOff("download", state.job || !state.photo?.completed);
    switchOff("copy", !state.photo?.completed);
  });
  addEventListener("beforeunload", (event) => {
    if (state.photos.some((photo) => photo.unsaved)) event.preventDefault();
  });
}
