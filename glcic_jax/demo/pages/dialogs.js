// Questions that need an answer before something is lost.
import { $ } from "./dom.js";

// Asks; true if the answer is yes. The focus returns to where it was.
export function ask(question, yes) {
  $("question_text").textContent = question;
  $("yes").textContent = yes;
  const dialog = $("question");
  dialog.showModal();
  return new Promise((resolve) => {
    const answer = (sure) => () => {
      resolve(sure);
      dialog.close();
    };
    $("yes").onclick = answer(true);
    $("no").onclick = answer(false);
    dialog.oncancel = () => resolve(false); // Escape; `close` comes late, maybe in the next question
  });
}
