"""The page of a run: its curves, their labels, and what it holds."""

import xml.etree.ElementTree as ElementTree

import pytest

from glcic_jax.train.chart import chart
from glcic_jax.train.page import HISTORY, run_page, thinned

PHASES = (("completion", 100), ("discriminator", 100), ("joint", 300))


def test_page_needs_nothing_from_elsewhere_and_is_well_formed():
    records = [
        {"kind": "train", "step": s, "phase": "joint", "images_per_s": 9.0, "loss/mse": 1 / s}
        for s in range(1, 300, 10)
    ]
    text = run_page("title", records, ["samples/1.png"], PHASES, '{"a": "<&>"}')
    assert "http" not in text
    assert "<script" not in text
    assert "{&quot;a&quot;: &quot;&lt;&amp;&gt;&quot;}" in text
    drawing = chart("Losses", {"loss/mse": [(1, 0.5), (300, 0.1)]}, PHASES, logarithmic=True)
    tree = ElementTree.fromstring(drawing)
    texts = [element.text for element in tree.iter("text")]
    assert {"completion", "joint"} <= set(texts)
    assert "discriminator" not in texts  # a phase of no steps


def test_labels_of_near_values_differ_and_stand_where_they_belong():
    drawing = chart("held_out/ssim", {"a": [(1, 0.28711), (35, 0.28893)]}, PHASES, False)
    tree = ElementTree.fromstring(drawing)
    texts = [element.text for element in tree.iter("text")]
    assert texts[:5] == ["0.2871", "0.2876", "0.288", "0.2885", "0.2889"]
    places = {e.text: float(e.get("x")) for e in tree.iter("text") if e.text.isdecimal()}
    assert list(places) == ["0", "8", "17", "26", "35"]
    share = (places["17"] - places["0"]) / (places["35"] - places["0"])
    assert share == pytest.approx(17 / 35, rel=1e-3)


def test_page_names_progress_scores_and_steps():
    records = [{"kind": "held_out", "step": 7, "held_out/psnr": 20.0}]
    grids = ["samples/00000007.png", "samples/<mine>.png"]
    text = run_page("title", records, grids, PHASES, "")
    assert f"step 7 of {PHASES[-1][1]:,}" in text
    assert "<figcaption>Held-out pictures: psnr, higher is better</figcaption>" in text
    assert "<figcaption>step 7</figcaption>" in text
    assert "<figcaption>samples/&lt;mine&gt;.png</figcaption>" in text


def test_page_shows_scores_first_and_explains_what_it_shows():
    record = {"kind": "train", "step": 7, "loss/mse": 0.5, "held_out/l1": 0.1}
    text = run_page("title", [record], ["samples/00000007.png"], PHASES, "")
    places = [text.index(part) for part in ("never trained on", "Held-out pictures: l1", "Losses")]
    assert places == sorted(places)
    assert text.index("Truth: what was there") < text.index("<figcaption>step 7")


def test_page_survives_no_records_equal_values_and_zeros():
    assert "no records yet" in run_page("t", [], [], PHASES, "")
    for values in ([0.0, 0.0], [3.0, 3.0], [0.0, 5.0]):
        drawing = chart("x", {"a": list(enumerate(values, 1))}, PHASES, logarithmic=True)
        assert "nan" not in drawing


def test_long_runs_are_thinned_but_keep_every_score():
    records = [{"kind": "train", "step": s} for s in range(3 * HISTORY)]
    records += [{"kind": "held_out", "step": s} for s in range(50)]
    kept = thinned(records)
    assert sum(r["kind"] == "train" for r in kept) <= HISTORY
    assert sum(r["kind"] == "held_out" for r in kept) == 50
