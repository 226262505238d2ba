// Undo and redo over all that happens to a photograph: strokes, and completions too.

const MOST = 200; // steps that can be taken back

// Holds entries that are never changed: { picture, marks, made }.
//   picture: the file or blob that is shown
//   marks: what is painted over it (marks.js)
//   made: { from, seed } of the completion that gave the picture; null once something is painted
export class History {
  constructor(first) {
    this.entries = [first];
    this.at = 0;
  }

  get now() {
    return this.entries[this.at];
  }

  get canUndo() {
    return this.at > 0;
  }

  get canRedo() {
    return this.at < this.entries.length - 1;
  }

  push(entry) {
    this.entries.splice(this.at + 1, Infinity, entry);
    if (this.entries.length > MOST) this.entries.shift();
    this.at = this.entries.length - 1;
  }

  undo() {
    if (this.canUndo) this.at -= 1;
  }

  redo() {
    if (this.canRedo) this.at += 1;
  }
}
