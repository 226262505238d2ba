// Starts the page: asks the server what it has, then lets every part listen.
import { startBoxKeys } from "./box_keys.js";
import { startCompare } from "./compare.js";
import { startComplete } from "./complete.js";
import { startList } from "./list.js";
import { startMaskFile } from "./mask_file.js";
import { startPhotos } from "./photos.js";
import { startPointer } from "./pointer.js";
import { startRequests } from "./request.js";
import { startSave } from "./save.js";
import { startScreen } from "./screen.js";
import { startSelect } from "./select.js";
import { startSettings } from "./settings.js";
import { startShortcuts } from "./shortcuts.js";
import { changed, state } from "./state.js";
import { report } from "./status.js";
import { startTools } from "./tools.js";
import { startView } from "./view.js";

const PARTS = [
  startScreen, startView, startCompare, startPointer, startTools, startBoxKeys, startComplete, startSelect,
  startMaskFile, startSave, startPhotos, startList, startRequests, startShortcuts, startSettings,
];

try {
  const { methods, limits } = await (await fetch("api/methods")).json();
  Object.assign(state, { methods, limits });
  for (const start of PARTS) start();
  changed();
  document.body.dataset.ready = "yes";
} catch (error) {
  report(`the page could not start: ${error.message}; load it again`, true);
}
