"""Mistakes get one line, and leave everything as it was."""

import numpy as np
import pytest
from PIL import Image

from glcic_jax.evaluate.__main__ import main
from tests.helpers.reports import contents, evaluate


@pytest.mark.parametrize(
    ("methods", "more", "message"),
    [
        (
            ["none"],
            {},
            '"none" is not a run folder and not a method: give a folder, pretrained, mean, ',
        ),
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
        (["telea"], {"masks": "black/m.png"}, "m.png: a file, not a folder, and not a kind of"),
        (["telea"], {"data": "black/m.png"}, "--data {files}/black/m.png: a file, not a folder"),
        (["telea"], {"masks": "data/../data"}, "data: is the folder of --data: give one of masks"),
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
        (["telea"], {"more": ["--size", "99999"]}, "--size 99999: give at most 16,384"),
        (["telea"], {"output": "/proc/report"}, "--output /proc/report: /proc: cannot write there"),
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
