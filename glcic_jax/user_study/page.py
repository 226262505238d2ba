"""Writes a user study's pages: plain forms that work without scripts or a network, on phones.

Their addresses are relative, so that a proxy may have them below any path.

All that they show of a picture is its number in the rater's own order, never its name or its truth.
"""

import html
from urllib.parse import urlencode

from glcic_jax.runtime.html import html_page

LONGEST_NAME = 40
"""Characters of a rater's name."""

STYLE = """
body { font: 17px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem;
  text-align: center; background: #808080; color: #000; }
img { display: block; margin: 1rem auto; max-width: 100%; max-height: 65vh;
  min-width: min(100%, 256px); object-fit: contain; }
button, input { font: inherit; padding: .7rem 1.4rem; margin: .3rem; min-width: 8rem; }
kbd { font-size: .8em; opacity: .7; }
"""

SCRIPT = """
const picture = document.querySelector("img");
if (picture) {
  const form = document.querySelector("form");
  const buttons = [...form.querySelectorAll("button")];
  let shown = 0;
  const enable = (on) => { for (const button of buttons) button.disabled = !on; };
  const ready = () => { shown = performance.now(); enable(true); };
  enable(false);
  picture.decode().then(ready, () => { picture.alt = "It did not arrive: reload the page."; });
  form.addEventListener("submit", () => {
    form.elements.seconds.value = ((performance.now() - shown) / 1000).toFixed(2);
    setTimeout(() => enable(false));
  });
  addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const keys = { arrowleft: "real", r: "real", arrowright: "completed", c: "completed" };
    const value = keys[event.key.toLowerCase()];
    const button = buttons.find((button) => button.value === value);
    if (button && !button.disabled) { event.preventDefault(); button.click(); }
  });
}
"""


HEAD = (
    '<link rel="icon" href="data:,"><link rel="stylesheet" href="study.css">'
    '<script src="study.js" defer></script>'
)


def _page(body: str) -> str:
    return html_page("Real or completed?", body, HEAD)


def front(total: int) -> str:
    """Returns the first page, which asks for the rater's name; `total` pictures are shown."""
    return _page(
        f"<h1>Real or completed?</h1><p>You will see up to {total:,} pictures, one at a time. Some "
        "are photographs as they were taken; of others a part was removed and filled in by a "
        "program. Decide for each which it is. You can stop at any time and go on later by giving "
        'the same name.</p><form action="rate"><label>Your name or a nickname<br>'
        f'<input name="rater" maxlength="{LONGEST_NAME}" required autofocus></label>'
        "<button>Begin</button></form>"
    )


def question(rater: str, number: int, done: int, total: int) -> str:
    """Returns a page that shows a picture and asks whether it is real.

    Args:
      rater: a name.
      number: place of the picture in this rater's order, from 0.
      done: pictures judged so far.
      total: pictures in all.
    """
    source = html.escape(f"picture?{urlencode({'rater': rater, 'number': number})}")
    return _page(
        f'<p>{done + 1:,} of {total:,}</p><img src="{source}" alt="The picture to judge">'
        '<form method="post" action="answer">'
        f'<input type="hidden" name="rater" value="{html.escape(rater)}">'
        f'<input type="hidden" name="number" value="{number}">'
        '<input type="hidden" name="seconds" value="">'
        '<button name="answer" value="real">Real <kbd>&larr; or R</kbd></button>'
        '<button name="answer" value="completed">Completed <kbd>&rarr; or C</kbd></button></form>'
    )


def thanks(rater: str) -> str:
    """Returns the last page: there is nothing left to judge."""
    return _page(f"<h1>Thank you, {html.escape(rater)}</h1><p>You have judged every picture.</p>")


def refusal(reason: str) -> str:
    """Returns a page that explains what went wrong."""
    return _page(f'<h1>{html.escape(reason)}</h1><p><a href="./">Start again</a></p>')
