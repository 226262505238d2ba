// Questions that need an answer before something is lost.
import { $ } from "./dom.js";

// Asks; true if the answer is yes. The focus returns to where it was.
export function ask(question, yes) {
  $("question_text").textContent = question;
  $("yes").textContent = yes;
  const dialog = $("question");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    $("yes").onclick = () => dialog.close("yes");
    $("no").onclick = () => dialog.close("");
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
  });
}
