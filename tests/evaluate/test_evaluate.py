"""The command: reports that repeat, refusals that fit a line, comparisons by pairs."""

import csv
import hashlib
import json
import sys

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
from tests.complete.test_complete import save_run

rng = np.random.default_rng(0)
SIZES = [(40, 52), (40, 52), (36, 44)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def files(tmp_path):
    """Three pictures of two sizes, one of them in a folder, and masks named as they are."""
    for index, (height, width) in enumerate(SIZES):
        coarse = rng.integers(0, 256, (4, 5, 3), np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize((width, height)))
        mask = np.zeros((height, width), np.uint8)
        mask[8 : 20 + 4 * index, 10:24] = 255
        name = f"{'deep/' if index == 2 else ''}{index}.png"
        for folder, array in (("data", picture), ("masks", mask)):
            (tmp_path / folder / "deep").mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(tmp_path / folder / name)
    (tmp_path / "ordered").mkdir()
    for name in ("x", "y"):
        Image.fromarray(np.eye(40, 52, dtype=np.uint8) * 255).save(tmp_path / f"ordered/{name}.png")
    return tmp_path


def evaluate(files, methods, *more, masks="masks", output="report", data="data"):
    masks = masks if masks in HOLE_KINDS else files / masks
    flags = ["--methods", *methods, "--data", files / data, "--masks", masks]
    return main([str(f) for f in [*flags, "--output", files / output, *more]])


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


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


def test_the_numbers_are_those_of_the_pictures(files):
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
        ((files / "a", files / "b", "--methods", "telea"), "takes two --methods"),
    ):
        capsys.readouterr()
        assert compare(*flags) == (2 if message else 0)
        assert message is None or message in capsys.readouterr().err


def tool(files, code):
    path = files / "tool.py"
    path.write_text(code)
    return f"cmd:{sys.executable} {path} {{image}} {{mask}} {{output}}"


COPY = "import sys, shutil; shutil.copy(sys.argv[1], sys.argv[3])"
WRONG = "import sys; from PIL import Image; Image.new('RGB', (5, 5)).save(sys.argv[3])"
ORPHAN = "import subprocess, sys; subprocess.Popen(['sleep', '60']); " + COPY


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('out of luck')", "failed with exit code 1: out of luck"),
        ("pass", "wrote no {output}: it printed nothing"),
        (WRONG, "wrote 5x5 pixels for a picture of 52x40"),
        ("import sys; open(sys.argv[3], 'w').write('text')", "not a picture"),
        ("import time; time.sleep(60)", "no answer in 0.7 s: stopped"),
        (ORPHAN, "no answer in 0.7 s: stopped"),
    ],
)
def test_a_tool_that_fails_is_reported_in_one_line(files, capsys, code, message):
    command = tool(files, code)
    hangs = "no answer" in message
    assert evaluate(files, ["mean", command], "--timeout", 0.7 if hangs else 60) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error
    assert not (files / "report").exists()


def test_a_tool_stands_in_the_table(files):
    assert evaluate(files, [f"copy={tool(files, COPY)}"]) == 0
    results = json.loads((files / "report/results.json").read_text())
    assert 0 < results["scores"]["copy"]["hole_l1"]["value"] < 1  # its input has a black hole
    shown = decode(files / "report/pictures/0001_1.png")
    truth = decode(files / "report/pictures/0001_2.png")
    assert (shown[10, 12] == 0).all()
    np.testing.assert_array_equal(shown[:8], truth[:8])


@pytest.mark.parametrize(
    ("methods", "more", "message"),
    [
        (["none"], {}, '"none" is not a run folder and not a method: give a folder, mean, telea'),
        (["telea", "telea"], {}, 'two are called "telea": write NAME=telea'),
        (["cmd:tool {image} {output}"], {}, "{mask} is missing"),
        (["cmd:tool ' {image} {mask} {output}"], {}, "No closing quotation"),
        (["cmd:no_such_tool {image} {mask} {output}"], {}, "no_such_tool: No such file"),
        (["truth=telea"], {}, '"truth"'),
        (["{files}/data"], {}, "no run folder with a checkpoint"),
        (["telea"], {"data": "nowhere"}, "--data {files}/nowhere: no such folder"),
        (["telea"], {"data": "none"}, "--data {files}/none: no pictures"),
        (
            ["telea"],
            {"masks": "nowhere"},
            "no such folder, and not a kind of hole (box, boxes",
        ),
        (["telea"], {"masks": "none"}, "--masks {files}/none: no pictures"),
        (
            ["telea"],
            {"masks": "ordered", "more": ["--by_order"]},
            "x.png is 52x40 and {files}/data/deep/2.png 44x36",
        ),
        (
            ["telea"],
            {"masks": "ordered"},
            "ordered holds no mask 0.* or 0_mask.*; --by_order gives",
        ),
        (["telea"], {"masks": "some"}, "data/1.png: {files}/some holds no mask 1.* or 1_mask.*"),
        (["telea"], {"masks": "two"}, "two holds 2 masks for it (0_mask001.png, 0_mask002.png)"),
        (["telea"], {"masks": "black", "more": ["--by_order"]}, "holds no hole (white)"),
        (["telea"], {"masks": "white", "more": ["--by_order"]}, "covers the whole picture"),
        (["telea"], {"output": "data"}, "holds something other than a report"),
        (["telea"], {"output": "black/m.png"}, "is a file; give a folder"),
        (["telea"], {"more": ["--size", "3"]}, "--size 3: give at least 8"),
        (["telea"], {"more": ["--skip", "fid"]}, "--skip fid: no such metric; there are lpips"),
        (
            ["telea"],
            {"more": ["--feature_cache", "{files}/black/m.png"]},
            "--feature_cache {files}/black/m.png: is a file; give a folder",
        ),
        (["telea"], {"more": ["--timeout", "0"]}, "give seconds above 0"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(files, capsys, methods, more, message):
    (files / "none").mkdir()
    for name in ("some", "black", "white", "two"):
        (files / name).mkdir()
    mask = np.zeros((40, 52), np.uint8)
    Image.fromarray(mask).save(files / "black/m.png")
    Image.fromarray(mask + 255).save(files / "white/m.png")
    Image.fromarray(mask + 255).save(files / "some/0.png")
    for name in ("0_mask001", "0_mask002"):
        Image.fromarray(mask + 255).save(files / f"two/{name}.png")
    before = contents(files)
    methods = [method.replace("{files}", str(files)) for method in methods]
    arguments = dict(more)
    more = [flag.replace("{files}", str(files)) for flag in arguments.pop("more", [])]
    assert evaluate(files, methods, *more, **arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert message.replace("{files}", str(files)) in error
    assert contents(files) == before


def test_completions_do_not_depend_on_the_number_of_devices(run):
    image = rng.random((3, 40, 52, 3), np.float32)
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


def test_flags_that_are_missing_are_named(capsys):
    assert main(["--methods", "telea"]) == 2
    assert "--data is missing" in capsys.readouterr().err


def test_a_full_disk_leaves_the_old_report(files, small_disk, capsys):
    output = small_disk / "report"
    assert evaluate(files, ["mean"], output=output) == 0
    before = contents(small_disk)
    (small_disk / "filler").write_bytes(b"0" * (3 * 2**20 + 2**19))
    with (small_disk / "filler").open("ab", buffering=0) as filler:
        try:
            while filler.write(b"0" * 4096):
                pass
        except OSError:
            pass
    assert evaluate(files, ["telea"], output=output) == 2
    assert "disk full" in capsys.readouterr().err
    (small_disk / "filler").unlink()
    assert contents(small_disk) == before
