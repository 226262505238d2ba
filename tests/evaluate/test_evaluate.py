"""The command: reports that repeat, and comparisons by pairs."""

import csv
import hashlib
import json

import jax
import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from glcic_jax.convert.__main__ import main as convert
from glcic_jax.evaluate.__main__ import main
from glcic_jax.evaluate.examples import HOLE_KINDS
from glcic_jax.evaluate.rivals import rivals
from glcic_jax.masks.__main__ import main as draw_masks
from glcic_jax.methods.procedural.fills import FILLS
from glcic_jax.pictures.decode import decode
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.run_folder import saved_steps
from tests.helpers.reports import contents, evaluate
from tests.helpers.saved_run import save_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("run"))


def test_the_same_command_gives_the_same_report(files, run, capsys):
    methods = ["telea", "laplace+postprocess", f"ours={run}", f"{run}+postprocess"]
    assert evaluate(files, methods) == 0
    first = contents(files / "report")
    assert "| ours |" in capsys.readouterr().out
    assert evaluate(files, methods) == 0  # over the old one
    second = contents(files / "report")
    assert first.keys() == second.keys()
    differing = {str(path) for path in first if first[path] != second[path]}
    assert differing <= {"index.html", "times.json"}
    assert not list(files.glob(".*"))
    results = json.loads(first[next(p for p in first if p.name == "results.json")])
    assert results["pictures"] == 3
    assert sum(part["pictures"] for part in results["bins"].values()) == 3
    manifest = json.loads((files / "report/manifest.json").read_text())
    assert manifest["methods"]["ours"]["step"] == 3
    assert len(manifest["methods"]["ours"]["sha256"]) == 64


def test_the_numbers_are_those_of_the_pictures(files, capsys):
    assert evaluate(files, ["mean", "telea"]) == 0
    with (files / "report/per_picture.csv").open() as file:
        lines = [line for line in csv.DictReader(file) if line["method"] == "telea"]
    results = json.loads((files / "report/results.json").read_text())
    for line in lines:
        image = decode(files / "data" / line["picture"])
        mask = np.asarray(Image.open(files / "masks" / line["picture"]))[..., None] / 255
        filled = FILLS["telea"](image[None] / np.float32(255), mask[None])[0]
        expected = peak_signal_noise_ratio(image, np.rint(filled * 255).astype(np.uint8))
        np.testing.assert_allclose(float(line["psnr"]), expected, rtol=1e-5)
    mean = np.mean([float(line["psnr"]) for line in lines])
    np.testing.assert_allclose(results["scores"]["telea"]["psnr"]["value"], mean)
    assert results["scores"]["telea"]["ms_ssim"]["value"] is None  # pictures too small for it
    assert [note.partition(": over ")[0] for note in results["notes"]] == ["MS-SSIM"]
    assert "note: MS-SSIM: over 0 of 3 pictures: the others, or" in capsys.readouterr().out
    assert results["missing"].keys() >= {"lpips"} or "lpips" in results["scores"]["telea"]
    page = (files / "report/index.html").read_text()
    shown = [p.name for p in (files / "report/pictures").iterdir()]
    assert len(shown) == 3 * 4  # input, two methods, truth
    assert all(f"pictures/{name}" in page for name in shown)
    assert "http" not in page


def test_a_set_of_masks_is_taken_in_order_and_verified(files, capsys):
    options = ["--kind", "box", "--size", "40", "--count", "2", "--output", str(files / "set")]
    assert draw_masks(options) == 0
    assert evaluate(files, ["mean"], "--size", 40, masks="set") == 0
    digests = json.loads((files / "report/manifest.json").read_text())["sha256"]
    masks = [np.asarray(Image.open(files / "set" / f"00000{i}.png")) // 255 for i in (0, 1, 0)]
    assert digests["masks"] == hashlib.sha256(b"".join(m.tobytes() for m in masks)).hexdigest()
    assert draw_masks([*options, "--output", str(files / "set.json")]) == 0
    assert evaluate(files, ["mean"], "--size", 40, masks="set.json", output="again") == 0
    assert json.loads((files / "again/manifest.json").read_text())["sha256"] == digests
    Image.fromarray(masks[0] * 0).save(files / "set/000001.png")
    assert evaluate(files, ["mean"], "--size", 40, masks="set") == 2
    assert "000001.png: the mask has changed" in capsys.readouterr().err


@pytest.mark.parametrize("kind", HOLE_KINDS)
def test_holes_are_drawn_alike_every_time(files, kind):
    digests = []
    for output, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert evaluate(files, ["mean"], "--seed", seed, masks=kind, output=output) == 0
        digests.append(json.loads((files / output / "manifest.json").read_text())["sha256"])
    assert digests[0] == digests[1]
    assert digests[0]["data"] == digests[2]["data"]
    assert (digests[0]["masks"] == digests[2]["masks"]) == (kind == "center")


def test_size_scales_and_crops_the_pictures(files):
    assert evaluate(files, ["mean"], "--size", 32, masks="center") == 0
    shapes = {decode(path).shape for path in (files / "report/pictures").iterdir()}
    assert shapes == {(32, 32, 3)}


def test_reports_compare_by_pairs(files, capsys):
    for output, methods in (("a", ["telea", "mean"]), ("b", ["mean"]), ("c", ["laplace"])):
        assert evaluate(files, methods, output=output) == 0
    capsys.readouterr()

    def compare(*flags):
        return main(["--compare", *(str(f) for f in flags)])

    assert compare(files / "a", files / "b") == 0  # both have mean, which differs by nothing
    same = capsys.readouterr().out
    assert "| mean | 0.00 [0.00, 0.00] |" in same
    assert compare(files / "a", files / "a", "--methods", "telea", "mean") == 0
    found = capsys.readouterr().out.splitlines()[-2].split("|")[2].split()[0]
    scores = json.loads((files / "a/results.json").read_text())["scores"]
    gap = scores["telea"]["hole_l1"]["value"] - scores["mean"]["hole_l1"]["value"]
    assert float(found) == pytest.approx(100 * gap, abs=0.006)
    assert evaluate(files, ["mean"], masks="box", output="d") == 0
    (files / "e").mkdir()
    for flags, message in (
        ((files / "a", files / "d"), "are about different holes"),
        ((files / "b", files / "c"), None),  # one method each: compared with each other
        ((files / "a", files / "c"), "share no method"),
        ((files / "a", files / "b", "--methods", "telea", "none"), 'no row "none"'),
        ((files / "a", files / "e"), "manifest.json is missing"),
        ((files / "a", files / "b", "--methods", "mean"), None),  # one name stands for both
        ((files / "a", files / "b", "--methods", "a", "b", "c"), "takes two --methods"),
    ):
        capsys.readouterr()
        assert compare(*flags) == (2 if message else 0)
        assert message is None or message in capsys.readouterr().err


def test_completions_do_not_depend_on_the_number_of_devices(run):
    image = np.random.default_rng(0).random((3, 40, 52, 3), np.float32)
    mask = np.zeros((3, 40, 52, 1), np.float32)
    mask[:, 5:12, 6:14] = 1
    one, four = (
        rivals([str(run)], make_mesh(jax.devices()[:n]), 1)[0].complete(image, mask) for n in (1, 4)
    )
    assert one.shape == image.shape
    np.testing.assert_allclose(one, four, atol=1e-5)
    np.testing.assert_array_equal(four[mask[..., 0] == 0], image[mask[..., 0] == 0])


def test_converted_weights_are_judged_as_their_run(files, run):
    weights = files / "weights"
    assert convert([str(run), str(weights)]) == 0
    (step,) = saved_steps(run)
    assert evaluate(files, [f"run={run}", f"weights={weights}", f"{run}@{step}"]) == 0
    scores = json.loads((files / "report/results.json").read_text())["scores"]
    assert scores["run"] == scores["weights"] == scores[f"{run}@{step}"]
    methods = json.loads((files / "report/manifest.json").read_text())["methods"]
    assert len(methods["weights"]["sha256"]) == 64
    assert methods["weights"]["step"] == methods["run"]["step"]


def test_settings_behind_a_run_are_those_of_its_method(files, run, capsys):
    (step,) = saved_steps(run)
    for spec in (f"{run}:starts=4", f"{run}@{step}:latent_steps=9,starts=4"):
        assert evaluate(files, [spec]) == 2
        assert "completing with this network has no" in capsys.readouterr().err
