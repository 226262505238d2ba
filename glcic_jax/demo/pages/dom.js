// Elements by their ids, and buttons that keep the focus when they are switched off.

export const $ = (id) => document.getElementById(id);

// Switches a button off or on. `disabled` would drop the focus to the body, so it is not used.
export function switchOff(id, off) {
  $(id).setAttribute("aria-disabled", String(Boolean(off)));
}

function isOff(id) {
  return $(id).getAttribute("aria-disabled") === "true";
}

// Does something when a button is pressed that is not switched off.
export function onPress(id, action) {
  $(id).addEventListener("click", () => {
    if (!isOff(id)) action();
  });
}

// Hides an element; a focus inside goes to another one instead of the body.
export function hide(id, hidden, next) {
  const element = $(id);
  if (hidden && !element.hidden && element.contains(document.activeElement)) $(next).focus();
  element.hidden = hidden;
}

// Lets the user choose files; calls back with them, and forgets them, so that the same can be chosen again.
export function onFiles(id, action) {
  const input = $(id);
  input.addEventListener("change", async () => {
    const files = [...input.files];
    input.value = "";
    await action(files);
  });
}
