// Completions, which become steps of the photograph's history.
import { $, onPress, switchOff } from "./dom.js";
import { pngOf } from "./marks.js";
import { post, seconds, working } from "./request.js";
import { chosen, growth } from "./settings.js";
import { onChange, state } from "./state.js";
import { report } from "./status.js";

// What stays painted once the hole is filled: the areas that must not be copied from.
const stays = (mark) => mark.layer === "avoid" || mark.kind === "erase";

async function formOf(photo, from, fields, grow) {
  const mask = await pngOf(photo, from.marks, "mask", grow);
  if (!mask) throw new Error("nothing is left of what was painted: paint over what should go");
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("image", from.picture, photo.name);
  form.append("mask", mask, "mask.png");
  const avoid = fields.texture === "1" && (await pngOf(photo, from.marks, "avoid", 0));
  if (avoid) form.append("avoid", avoid, "avoid.png");
  return form;
}

async function run(photo, from, seed) {
  const [fields, grow] = [{ ...chosen(), seed }, growth()];
  await working(photo, "completing", async (job) => {
    const form = await formOf(photo, from, fields, grow);
    const { blob } = await post(job, "api/complete", form);
    const marks = from.marks.some((mark) => mark.layer === "avoid") ? from.marks.filter(stays) : [];
    photo.history.push({ picture: blob, marks, made: { from, seed } });
    const name = state.photo === photo ? "" : `${photo.name}: `;
    report(`${name}completed in ${seconds(job)} s`);
  });
}

export function complete() {
  const { photo } = state;
  if (photo) run(photo, photo.now, 0);
}

// Fills the same hole again, with other texture.
export function another() {
  const { photo } = state;
  if (photo?.now.made) run(photo, photo.now.made.from, photo.now.made.seed + 1);
}

export function startComplete() {
  onPress("complete", complete);
  onPress("another", another);
  onChange(() => {
    const made = Boolean(state.photo?.now.made);
    const textured = $("texture").checked;
    switchOff("another", state.job || !made || !textured);
    $("another").title = textured ? "Other texture (N)" : "Without texture every result is the same";
  });
}
