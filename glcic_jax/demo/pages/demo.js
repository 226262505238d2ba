// The page: a photograph, what is painted over it, and the server's answer.
import { Strokes, maskOf } from "./strokes.js";

const $ = (id) => document.getElementById(id);
const SHARPEST = 2048; // pixels along the longer edge of the strokes on the screen

let limits = {};
let picture = null; // the file as it was opened: it is sent byte for byte
let result = null; // the server's PNG
let request = null;
let painting = false;
const strokes = new Strokes();

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

function show(image, blob) {
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
  return image.decode();
}

function refresh() {
  const scale = Math.min(1, SHARPEST / Math.max($("photo").naturalWidth, $("photo").naturalHeight));
  const canvas = $("mask");
  canvas.width = Math.max(1, Math.round($("photo").naturalWidth * scale));
  canvas.height = Math.max(1, Math.round($("photo").naturalHeight * scale));
  strokes.draw(canvas, scale, "#f0f");
  $("diameter").textContent = `${diameter()} pixels`;
  $("complete").disabled = strokes.empty;
  $("undo").disabled = !strokes.steps.length;
}

function showResult(on) {
  $("after").hidden = $("edge").hidden = !on;
  $("mask").hidden = on;
  $("result").disabled = !on;
  $("painting").disabled = on || !picture || request !== null;
  $("filling").disabled = on || !picture;
}

// Photographs ---------------------------------------------------------------------------------

async function open(file) {
  if (!file || request) return;
  if (file.size > limits.bytes) return say(`this file is larger than ${limits.bytes} bytes`, true);
  const tried = new Image();
  try {
    await show(tried, file);
  } catch {
    return say("this file cannot be shown: open a JPEG, PNG, WebP or BMP picture", true);
  } finally {
    URL.revokeObjectURL(tried.src);
  }
  if (tried.naturalWidth * tried.naturalHeight > limits.pixels) {
    return say(`this picture has more than ${limits.pixels} pixels`, true);
  }
  picture = file;
  result = null;
  strokes.steps = [];
  await show($("photo"), file);
  $("drop").hidden = true;
  $("view").hidden = false;
  showResult(false);
  refresh();
  say(`${$("photo").naturalWidth} x ${$("photo").naturalHeight} pixels: paint over what should go`);
}

$("open").onchange = () => open($("open").files[0]);
addEventListener("paste", (event) => open(event.clipboardData.files[0]));
addEventListener("dragover", (event) => {
  event.preventDefault();
  $("stage").classList.add("over");
});
addEventListener("dragleave", () => $("stage").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  $("stage").classList.remove("over");
  open(event.dataTransfer.files[0]);
});
$("actual").onchange = () => $("stage").classList.toggle("actual", $("actual").checked);
$("tools").onsubmit = (event) => event.preventDefault();

// Painting ------------------------------------------------------------------------------------

// The slider counts thousandths of the longer edge, so that it suits pictures of every size.
function diameter() {
  const longer = Math.max($("photo").naturalWidth, $("photo").naturalHeight);
  return Math.max(1, Math.round(($("size").value * longer) / 1000));
}

function place(event) {
  const box = $("view").getBoundingClientRect();
  return [
    ((event.clientX - box.left) / box.width) * $("photo").naturalWidth,
    ((event.clientY - box.top) / box.height) * $("photo").naturalHeight,
  ];
}

function split(event) {
  const box = $("view").getBoundingClientRect();
  $("split").value = ((event.clientX - box.left) / box.width) * 100;
  $("split").oninput();
}

$("view").onpointerdown = (event) => {
  if (!event.isPrimary || event.button || request) return;
  event.preventDefault();
  $("view").setPointerCapture(event.pointerId);
  painting = true;
  if (result) return split(event);
  strokes.begin(place(event), diameter(), $("erase").checked);
  refresh();
};
$("view").onpointermove = (event) => {
  if (!painting || !event.isPrimary) return;
  if (result) return split(event);
  const parts = event.getCoalescedEvents(); // the browser's own, between two frames
  for (const part of parts.length ? parts : [event]) strokes.extend(place(part));
  refresh();
};
$("view").onpointerup = $("view").onpointercancel = () => { painting = false; };
$("size").oninput = refresh;
$("undo").onclick = () => { strokes.undo(); refresh(); };
$("clear").onclick = () => { strokes.clear(); refresh(); };
addEventListener("keydown", (event) => {
  if ($("painting").disabled) return;
  if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    $("undo").click();
  } else if (event.key === "[" || event.key === "]") {
    $("size").value = Number($("size").value) * (event.key === "]" ? 1.25 : 0.8);
    refresh();
  }
});
$("upload").onchange = async () => {
  try {
    const mask = await maskOf($("upload").files[0]);
    const { naturalWidth: width, naturalHeight: height } = $("photo");
    if (mask.width !== width || mask.height !== height) {
      const sizes = `the mask has ${mask.width} x ${mask.height} pixels and the photograph `;
      return say(`${sizes}${width} x ${height}: make them fit`, true);
    }
    strokes.add(mask);
    refresh();
    say("the mask is added to what is painted");
  } catch {
    say("this mask cannot be read", true);
  } finally {
    $("upload").value = "";
  }
};

// Completion ----------------------------------------------------------------------------------

let seed = 0;
$("complete").onclick = () => { seed = 0; return complete(); };
$("another").onclick = () => { seed += 1; $("again").onclick(); return complete(); };

async function complete() {
  const form = new FormData();
  form.append("method", $("method").value);
  form.append("postprocess", $("postprocess").checked ? "1" : "0");
  form.append("texture", $("texture").checked ? "1" : "0");
  form.append("seed", seed);
  form.append("image", picture, "image");
  form.append("mask", await strokes.png($("photo").naturalWidth, $("photo").naturalHeight), "mask");
  request = new XMLHttpRequest();
  request.responseType = "blob";
  request.upload.onprogress = ({ loaded, total }) => {
    $("progress").max = total;
    $("progress").value = loaded;
    say(`uploading, ${Math.round((100 * loaded) / total)} %`);
  };
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(1);
  let clock = 0, look = 0, doing = "completing";
  request.upload.onload = () => {
    $("progress").removeAttribute("value");
    clock = setInterval(() => say(`${doing}, ${seconds()} s`), 100);
    look = setInterval(async () => {
      try {
        const { compiling } = await (await fetch("/api/status")).json();
        doing = compiling ? "compiling for this size, once" : "completing";
      } catch { /* the answer to the request itself says what is wrong */ }
    }, 500);
  };
  request.onabort = () => say("cancelled");
  request.onerror = () => say("the server does not answer: is it still there?", true);
  request.onload = () => answered(request, seconds());
  request.onloadend = () => {
    clearInterval(clock);
    clearInterval(look);
    request = null;
    busy(false);
  };
  busy(true);
  request.open("POST", "/api/complete");
  request.send(form);
}
$("cancel").onclick = () => request?.abort();

function busy(on) {
  $("cancel").hidden = $("progress").hidden = !on;
  $("complete").hidden = on;
  $("painting").disabled = on || result !== null;
}

async function answered({ status, response }, seconds) {
  if (status !== 200) {
    const text = await response.text();
    let line = `the server answers ${status}`;
    try { line = JSON.parse(text).error; } catch { /* no line of ours */ }
    return say(line, true);
  }
  result = response;
  await show($("after"), result);
  $("download").href = $("after").src;
  $("download").download = `${(picture.name || "pasted").replace(/\.[^.]*$/, "")}_completed.png`;
  $("split").value = 0;
  $("split").oninput();
  showResult(true);
  $("another").hidden = !$("texture").checked;
  say(`completed in ${seconds} s; drag over the photograph to compare`);
}

$("split").oninput = () => $("view").style.setProperty("--split", `${$("split").value}%`);
$("again").onclick = () => { result = null; showResult(false); };
$("go_on").onclick = () => open(new File([result], $("download").download, { type: "image/png" }));

const told = await (await fetch("/api/methods")).json();
limits = told.limits;
for (const { name, step } of told.methods) {
  $("method").append(new Option(step === null ? name : `${name} (${step} updates)`, name));
}
$("method").onchange = () => {
  const { step, blends, texture } = told.methods[$("method").selectedIndex];
  $("texture").checked = texture;
  $("postprocess").checked = blends;
  $("postprocess").disabled = step === null; // a fill meets its surroundings by itself
};
$("method").onchange();
document.body.dataset.ready = "yes";
