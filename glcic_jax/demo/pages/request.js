// One request at a time to the server, tied to the photograph that it is for.
import { $, hide, onPress } from "./dom.js";
import { changed, state } from "./state.js";
import { report } from "./status.js";

const DEAF = 500; // milliseconds in which Cancel does nothing: it appears while fingers still click
const LOOK = 500; // milliseconds between two questions how far the server is

class Cancelled extends Error {}

function jobName() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Does a task that sends requests for a photograph, unless one is under way. Whatever goes wrong in it
// is reported.
export async function working(photo, doing, task) {
  if (state.job) return;
  const job = { photo, doing, name: jobName(), began: performance.now(), request: null, cancelled: false };
  state.job = job; // before anything is awaited: a second click finds it
  $("progress").removeAttribute("value");
  $("working").hidden = false;
  changed();
  show(job);
  report(doing);
  const clock = setInterval(() => show(job), LOOK);
  try {
    await task(job);
  } catch (error) {
    if (error instanceof Cancelled) report("cancelled");
    else report(error.message, true);
  } finally {
    clearInterval(clock);
    state.job = null;
    hide("working", true, "complete");
    changed();
  }
}

export function seconds(job) {
  return ((performance.now() - job.began) / 1000).toFixed(1);
}

function show(job) {
  $("doing").textContent = `${job.doing}, ${Math.floor((performance.now() - job.began) / 1000)} s`;
}

async function lineOf({ status, response }) {
  try {
    return JSON.parse(await response.text()).error ?? `the server answers ${status}`;
  } catch {
    return `the server answers ${status}`;
  }
}

// Asks the server how far it is, and shows that.
async function look(job) {
  try {
    const answer = await fetch(`api/status?job=${job.name}`);
    const { text, state: at, done, total, compiling } = await answer.json();
    if (state.job !== job) return;
    const doing = compiling ? "compiling for this size, once" : at === "unknown" ? null : text;
    if (doing && doing !== job.doing) report(doing.replace(/ \d+ of \d+$/, ""));
    if (doing) job.doing = doing;
    if (total) {
      $("progress").max = total;
      $("progress").value = done ?? 0;
    } else $("progress").removeAttribute("value");
  } catch {
    /* the answer to the request itself says what is wrong */
  }
}

// Sends a form as part of a job; returns the answer as { blob, header(name) }.
export function post(job, address, form) {
  form.append("job", job.name);
  let looking = 0;
  const request = new XMLHttpRequest();
  job.request = request;
  const answered = new Promise((resolve, reject) => {
    request.responseType = "blob";
    request.upload.onprogress = ({ loaded, total }) => {
      $("progress").max = total;
      $("progress").value = loaded;
      job.doing = `sending, ${Math.round((100 * loaded) / total)} %`;
    };
    request.upload.onload = () => {
      $("progress").removeAttribute("value");
      job.doing = "waiting";
      looking = setInterval(() => look(job), LOOK);
    };
    request.onabort = () => reject(new Cancelled());
    request.onerror = () => reject(new Error("the server does not answer: is it still there?"));
    request.onload = async () => {
      if (request.status !== 200) reject(new Error(await lineOf(request)));
      else resolve({ blob: request.response, header: (name) => request.getResponseHeader(name) });
    };
    request.open("POST", address);
    if (job.cancelled) reject(new Cancelled());
    else request.send(form);
  });
  return answered.finally(() => clearInterval(looking));
}

export function cancel() {
  const { job } = state;
  if (!job || performance.now() - job.began < DEAF) return;
  job.cancelled = true;
  job.request?.abort();
}

export function startRequests() {
  onPress("cancel", cancel);
}
