"""The pages of a user study: plain forms that work without scripts, without a network, on phones.

What they say of a picture is its number in the rater's own order, never its name or its kind.
"""

import html
from urllib.parse import urlencode

LONGEST_NAME = 40

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


def _page(body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<title>Real or completed?</title><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="/study.css"><script src="/study.js" defer></script></head>'
        f"<body>{body}</body></html>\n"
    )


def front(total: int) -> str:
    """Asks who is there."""
    return _page(
        f"<h1>Real or completed?</h1><p>You will see up to {total:,} pictures, one at a time. Some "
        "are photographs as they were taken; of others a part was removed and filled in by a "
        "program. Say of each which it is. You can stop at any time and go on later by giving the "
        'same name.</p><form action="/rate"><label>Your name or a nickname<br>'
        f'<input name="rater" maxlength="{LONGEST_NAME}" required autofocus></label>'
        "<button>Begin</button></form>"
    )


def question(rater: str, number: int, done: int, total: int) -> str:
    """Shows a picture and asks.

    Args:
      rater: a name.
      number: of the picture in this rater's order, from 0.
      done: pictures judged so far.
      total: pictures in all.
    """
    source = html.escape(f"/picture?{urlencode({'rater': rater, 'number': number})}")
    return _page(
        f'<p>{done + 1:,} of {total:,}</p><img src="{source}" alt="The picture to judge">'
        '<form method="post" action="/answer">'
        f'<input type="hidden" name="rater" value="{html.escape(rater)}">'
        f'<input type="hidden" name="number" value="{number}">'
        '<input type="hidden" name="seconds" value="">'
        '<button name="answer" value="real">Real <kbd>&larr; or R</kbd></button>'
        '<button name="answer" value="completed">Completed <kbd>&rarr; or C</kbd></button></form>'
    )


def thanks(rater: str) -> str:
    """Says that there is nothing left to judge."""
    return _page(f"<h1>Thank you, {html.escape(rater)}</h1><p>You have judged every picture.</p>")


def refusal(reason: str) -> str:
    """Says what went wrong."""
    return _page(f'<h1>{html.escape(reason)}</h1><p><a href="/">Start again</a></p>')
