// The status line, which screen readers read out: it changes at most once a second.
import { $ } from "./dom.js";

const PAUSE = 1000; // milliseconds
let last = -PAUSE;
let waiting = 0;

// Reports something; only the last of several reports within a second is shown.
export function report(text, wrong = false) {
  clearTimeout(waiting);
  const write = () => {
    last = performance.now();
    const line = $("status");
    line.classList.toggle("wrong", wrong);
    if (line.textContent !== text) line.textContent = text;
  };
  const pause = last + PAUSE - performance.now();
  if (pause <= 0) write();
  else waiting = setTimeout(write, pause);
}
