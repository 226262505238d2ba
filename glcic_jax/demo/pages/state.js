// What the page knows, and who wants to hear of changes.
import { History } from "./history.js";

// A photograph that is open, with all that was done to it.
export class Photo {
  constructor(file) {
    this.file = file; // as it was opened: it is sent byte for byte
    this.name = file.name || "pasted.png";
    this.width = this.height = 0; // known once it is shown
    this.kept = null; // the picture that was downloaded last
    this.view = null; // where it was looked at
    this.history = new History({ picture: file, marks: [], made: null });
  }

  get now() {
    return this.history.now;
  }

  get completed() {
    return this.now.picture !== this.file;
  }

  get painted() {
    return this.now.marks.some((mark) => mark.layer === "mask");
  }

  // Whether closing it would lose something that was not downloaded.
  get unsaved() {
    return this.painted || (this.completed && this.now.picture !== this.kept);
  }

  // Replaces what is painted, as a step of its own.
  mark(marks) {
    this.history.push({ picture: this.now.picture, marks, made: null });
  }
}

export const state = {
  methods: [], // as api/methods lists them
  limits: {},
  photos: [],
  photo: null, // the one that is shown
  job: null, // the request under way (request.js)
  tool: "brush",
};

const listeners = [];

export function onChange(listener) {
  listeners.push(listener);
}

export function changed() {
  for (const listener of listeners) listener();
}

// Whether the photograph that is shown may be changed now.
export function locked() {
  return !state.photo || state.job?.photo === state.photo;
}
