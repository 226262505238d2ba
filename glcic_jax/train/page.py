"""Writes the page of a run, index.html: curves and sample grids. It needs no server, no network."""

import html
from collections.abc import Sequence
from pathlib import Path

from glcic_jax.metrics.columns import COLUMNS, Column
from glcic_jax.runtime.html import html_page
from glcic_jax.train.chart import Curves, chart

HISTORY = 2000
"""Training records of a long run that the page shows. The eye would not see more."""

SCORES = "held_out/"
"""The names of held-out scores begin with this."""

CHARTS = {
    "Held-out pictures": (SCORES, False),
    "Losses": ("loss/", True),
    "Discriminator accuracy": ("accuracy/", False),
    "Gradient norms": ("grad_norm/", True),
    "Images per second": ("images_per_s", False),
}
"""For each heading, how the names of its curves begin, and whether the axis is logarithmic."""

READING = """Held-out pictures are never trained on; their scores are over the holes alone. A loss
is what updates make smaller: it jumps, since every batch is another. The discriminator, if there
is one, learns to tell real pictures from completed ones; an accuracy of .5 is guessing. Dashed
lines show where a phase begins."""
GRIDS = """Input: the mean colour in the hole. Raw output: all that the network draws. Completed:
the known pixels, and that in the hole. Truth: what was there."""

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1360px; margin: 2em auto; padding: 0 1em; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 520px), 1fr));
  gap: 1.5em; }
figure { margin: 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: currentColor; }
.key { font-size: 13px; } .key > span { margin-right: 1em; white-space: nowrap; }
img { max-width: 100%; min-width: min(100%, 830px); image-rendering: pixelated; }
p { max-width: 60em; } pre { overflow-x: auto; }
"""


def thinned(records: list[dict]) -> list[dict]:
    """Returns at most HISTORY training records, evenly spaced, and all held-out ones."""
    count = sum(record["kind"] == "train" for record in records)
    stride = max(1, -(-count // HISTORY))
    kept, seen = [], 0
    for record in records:
        if record["kind"] == "train":
            seen += 1
            if seen % stride:
                continue
        kept.append(record)
    return kept


def run_page(
    title: str,
    records: Sequence[dict],
    grids: Sequence[str],
    phase_ends: Sequence[tuple[str, int]],
    config: str,
) -> str:
    """Returns the page of a run as HTML.

    Args:
      title: the run's title.
      records: as in metrics.jsonl: "step", and numbers (or None) by name.
      grids: relative addresses of pictures, newest first, such as "samples/00000007.png".
      phase_ends: the name and the last step of each phase.
      config: the text of config.json.
    """
    # Draw the curves.
    charts = []
    for heading, (prefix, logarithmic) in CHARTS.items():
        drawn = curves_of(records, prefix)
        # Scores of unlike units (an error, decibels) get a chart each.
        groups = {heading: drawn}
        if prefix == SCORES:
            groups = {f"{heading}: {score_title(name)}": {name: c} for name, c in drawn.items()}
        charts += [chart(h, group, phase_ends, logarithmic) for h, group in groups.items() if group]

    # Put the page together.
    pictures = "\n".join(
        f'<figure><figcaption>{grid_title(name)}</figcaption><img loading="lazy" '
        f'src="{html.escape(name)}" alt="completions of held-out pictures"></figure>'
        for name in grids
    )
    total = max((end for _, end in phase_ends), default=0)
    last = max((record["step"] for record in records), default=0)
    progress = f"step {last:,} of {total:,}" if records else "no records yet"
    body = (
        f"<h1>{html.escape(title)}</h1><p>{progress}. {READING}</p>"
        f'<div class="charts">{"".join(charts)}</div>'
        f"<h2>Held-out pictures, newest first</h2><p>{GRIDS}</p>{pictures}"
        "<details><summary>config.json: the config, and every start of the run</summary>"
        f"<pre>{html.escape(config)}</pre></details>"
    )
    return html_page(title, body, f"<style>{STYLE}</style>")


def grid_title(name: str) -> str:
    """Returns the title of a sample grid as HTML: its step, or the name of a file without one."""
    stem = Path(name).stem
    return f"step {int(stem):,}" if stem.isdecimal() else html.escape(name)


def score_title(name: str) -> str:
    """Returns the name of a score without "held_out/", and which values of it are better."""
    metric = name.removeprefix(SCORES)
    best = COLUMNS.get(metric.rpartition("/")[2], Column(metric)).best
    return metric + {min: ", lower is better", max: ", higher is better"}.get(best, "")


def curves_of(records: Sequence[dict], prefix: str) -> Curves:
    """Returns the curves whose names begin with `prefix`. Values that were not finite are left out.

    Args:
      records: as in metrics.jsonl.
      prefix: such as "loss/".
    """
    found: Curves = {}
    for record in records:
        for name, value in record.items():
            if name.startswith(prefix) and value is not None:
                found.setdefault(name, []).append((record["step"], value))
    return found
