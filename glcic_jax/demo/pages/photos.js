// Opens photographs: by dialog, folder, drop or paste. None takes another's place if there is work on it.
import { $, onFiles, onPress } from "./dom.js";
import { ask } from "./dialogs.js";
import { Photo, changed, state } from "./state.js";
import { report } from "./status.js";
import { lookAt } from "./view.js";

const KINDS = /\.(jpe?g|jfif|png|webp|bmp)$/i;
let wanted = null; // the photograph that was asked for last

// Reads the size of a photograph; what is wrong with it, in a line, otherwise null.
async function problemOf(photo) {
  const { bytes, pixels } = state.limits;
  if (photo.file.size > bytes) return `${photo.name} is larger than ${bytes.toLocaleString("en")} bytes`;
  const image = new Image();
  image.src = URL.createObjectURL(photo.file);
  try {
    await image.decode();
  } catch {
    return `${photo.name}: this file cannot be shown: open a JPEG, PNG, WebP or BMP picture`;
  } finally {
    URL.revokeObjectURL(image.src);
  }
  if (image.naturalWidth * image.naturalHeight > pixels) {
    return `${photo.name} has more than ${pixels.toLocaleString("en")} pixels`;
  }
  photo.width = image.naturalWidth;
  photo.height = image.naturalHeight;
  return null;
}

// Shows a photograph, perhaps instead of another. One that cannot be shown leaves the list; returns why,
// and null otherwise.
async function shown(photo, instead = null) {
  wanted = photo;
  const problem = photo.width ? null : await problemOf(photo);
  if (problem) {
    state.photos = state.photos.filter((other) => other !== photo);
    changed();
    return problem;
  }
  if (wanted !== photo) return null; // another one was asked for meanwhile
  state.photos = state.photos.filter((other) => other !== instead);
  state.photo = photo;
  changed();
  lookAt(photo);
  report(`${photo.width} x ${photo.height} pixels: paint over what should go`);
  return null;
}

// Shows a photograph of the list.
export async function show(photo) {
  const problem = await shown(photo);
  if (problem) report(problem, true);
}

const byName = new Intl.Collator("en", { numeric: true });
const placeOf = (file) => file.webkitRelativePath || file.name;

async function open(files) {
  if (!files.length) return;
  const pictures = files.length === 1 ? files : files.filter((file) => KINDS.test(file.name));
  if (files.length > 1) pictures.sort((a, b) => byName.compare(placeOf(a), placeOf(b)));
  const photos = pictures.map((file) => new Photo(file));
  if (!photos.length) {
    report(`none of ${files.length} files is a JPEG, PNG, WebP or BMP picture`, true);
    return;
  }
  const [only] = state.photos.length === 1 ? state.photos : [];
  const untouched = only && only.history.entries.length === 1 && state.job?.photo !== only;
  state.photos = [...state.photos, ...photos];
  const problems = [];
  for (const photo of photos) {
    const problem = await shown(photo, untouched && photos.length === 1 ? only : null);
    if (!problem) break; // the first that can be shown is
    problems.push(problem);
  }
  const notes = photos.length > 1 ? [`opened ${photos.length - problems.length} of ${photos.length} photographs`] : [];
  const left = files.length - photos.length;
  if (left) notes.push(`${left} other ${left === 1 ? "file is no picture" : "files are no pictures"}`);
  if (notes.length || problems.length) report([...notes, ...problems].join("; "), problems.length > 0);
}

async function close() {
  const { photo } = state;
  if (!photo) return;
  if (state.job?.photo === photo) {
    report("it is worked on: cancel that first", true);
    return;
  }
  const question = `What was done to ${photo.name} is not downloaded. Close it all the same?`;
  if (photo.unsaved && !(await ask(question, "Close it"))) return;
  const at = state.photos.indexOf(photo);
  state.photos = state.photos.filter((other) => other !== photo);
  state.photo = null;
  const next = state.photos[Math.min(at, state.photos.length - 1)];
  changed();
  if (next) await show(next);
}

// Shows the photograph that is some places further in the list.
export function turn(by) {
  const { photos, photo } = state;
  if (photos.length > 1) show(photos[(photos.indexOf(photo) + by + photos.length) % photos.length]);
}

export function startPhotos() {
  for (const id of ["open_file", "drop"]) onPress(id, () => $("open").click());
  onPress("open_folder", () => $("folder").click());
  onPress("close", close);
  for (const id of ["open", "folder"]) onFiles(id, open);
  addEventListener("paste", (event) => open([...event.clipboardData.files]));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    $("frame").classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) $("frame").classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    $("frame").classList.remove("over");
    open([...event.dataTransfer.files]);
  });
}
