"""The page of trained networks, from written records and the network that ships."""

import json
import re
import shlex

import numpy as np
import pytest

from experiments.zoo import main, page
from experiments.zoo_pictures import Gallery
from experiments.zoo_reports import reports_section, shown_command
from glcic_jax.evaluate.__main__ import parse
from glcic_jax.evaluate.manifest import ARGUMENTS, manifest
from glcic_jax.pictures.decode import decode, write_picture
from glcic_jax.runtime.errors import UserError

START = {
    "time": "2026-11-26T05:00:00+00:00",
    "step": 0,
    "commit": "0123456789abcdef+changes",
    "machine": "2 x Some CPU",
    "devices": "1 process, 2 x cpu",
    "command": ["python", "-m", "glcic_jax.main", "--workdir=/home/me/runs/a", "--config.seed=1"],
}


def write(folder, starts=(START,), **scores):
    folder.mkdir(parents=True)
    config = {"method": "glcic", "data": {"root": "/home/me/faces", "held_out_examples": 8}}
    config["holes"] = {"kind": "box"}
    content = {"format": 2, "config": config, "starts": list(starts)}
    (folder / "config.json").write_text(json.dumps(content))
    records = [
        {"kind": "train", "step": 10, "phase": "joint", "first_update_s": 30.0, "step_ms": 1000.0},
        {"kind": "held_out", "step": 10, "phase": "joint", "held_out/l1": 0.2},
        {"kind": "train", "step": 40, "phase": "joint", "step_ms": 2100.0},
        {"kind": "held_out", "step": 40, "phase": "joint", "held_out/l1": 0.1234, **scores},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    return folder


def test_a_run_is_shown_with_what_it_records(tmp_path):
    text = page([f"small={write(tmp_path / 'a')}"], "the command")
    assert "| small | glcic | faces | box | 40 | 8 | 12.34 |  |" in text
    # 30 s, nine updates of 1 s, thirty of 2.1 s: 102 s.
    assert "| 2 x Some CPU; 1 process, 2 x cpu | 2026-11-26 | 1.7 min | 0123456+changes |" in text
    assert "`python -m glcic_jax.main --workdir=a --config.seed=1`" in text
    assert "/home/me" not in text


def test_scores_of_a_set_have_its_name(tmp_path):
    run = write(tmp_path / "a", **{"held_out/night/psnr": 20.125})
    text = page([str(run)], "the command")
    assert "| examples | L1 hole x100 | night: PSNR hole | load |" in text
    assert "| 12.34 | 20.12 |" in text


def test_what_was_not_recorded_is_not_made_up(tmp_path):
    text = page([str(write(tmp_path / "a", starts=()))], "the command")
    assert "| a | not recorded | not recorded | not recorded | 1.7 min | not recorded |" in text


def test_the_network_that_ships_can_be_loaded():
    text = page(["pretrained"], "the command")
    assert '| `load("pretrained")` |' in text
    assert "| pretrained | glcic | photographs | mix | 26,960 | 50 |" in text


@pytest.mark.parametrize("only", [["--only_seed", "0"], ["--only_seed=0"]])
def test_a_folder_of_seeds_has_a_section_with_its_table(tmp_path, only):
    for seed in (0, 1):
        alone = [*START["command"], "--seeds=2", *only, "--at_once=2"]
        write(tmp_path / f"three/seed{seed}", starts=(START | {"command": alone},))
    (tmp_path / "three/seeds.md").write_text("| the | table |\n")
    text = page([str(tmp_path / "three")], "the command")
    assert "## three\n" in text
    assert "| the | table |" in text
    assert "--config.seed=1 --seeds=2 --at_once=2\n" in text
    assert "2 runs, whose updates took 3 minutes together, on 2 x Some CPU" in text


def test_scores_of_earlier_updates_are_not_shown_as_the_last(tmp_path):
    run = write(tmp_path / "a")
    with (run / "metrics.jsonl").open("a") as file:
        file.write(
            json.dumps({"kind": "train", "step": 90, "phase": "joint", "step_ms": 1.0}) + "\n"
        )
    assert "| a | glcic | faces | box | 90 | 8 |  |" in page([str(run)], "the command")


def test_the_latest_pictures_are_named_and_what_an_older_version_did_not_record(tmp_path):
    older = {name: value for name, value in START.items() if name != "machine"}
    run = write(tmp_path / "a", starts=(older,))
    (run / "samples").mkdir()
    for step in (5, 40):
        (run / f"samples/{step:08d}.png").touch()
    text = page([str(run)], "the command")
    assert "| processor not recorded; 1 process, 2 x cpu |" in text
    assert "| 0123456+changes | `a/samples/00000040.png` |" in text


def write_report(folder, step=40):
    folder.mkdir()
    score = {"value": 0.1234, "low": 0.1, "high": 0.2, "pictures": 1500}
    scores = {name: {"hole_l1": score, "l2": score} for name in ("small", "telea")}
    arguments = {"methods": ["small=/x/runs/a", "telea"], "data": "/x/faces/test", "masks": "box",
                 "size": 64, "seed": 0, "skip": []}  # fmt: skip
    methods = {"small": {"step": step}, "telea": {"fill": "telea"}}
    made = {"devices": "1 x cpu", "software": {"jax": "0.1", "glcic_jax sources": "0123456789"}}
    for name, content in (
        ("results.json", {"pictures": 1500, "scores": scores}),
        ("manifest.json", {"arguments": arguments, "methods": methods} | made),
    ):
        (folder / name).write_text(json.dumps(content))
    return folder


def test_a_report_is_shown_with_its_command_and_intervals(tmp_path):
    run, report = write(tmp_path / "a"), write_report(tmp_path / "report")
    text = page([f"small={run}"], "the command", [report])
    assert "### 1,500 pictures of faces/test\n" in text
    command = "glcic_jax.evaluate --methods small=a telea --data faces/test --masks box --size 64\n"
    assert command in text
    assert "\n\n(On 1 x cpu, jax 0.1, sources of glcic_jax 01234567.)\n" in text
    assert (
        "| method | L1 hole x100 |\n" in text
    )  # what the page does not show is left to the report
    assert "| telea | **12.34** [10.00, 20.00] |" in text
    with pytest.raises(UserError, match="scored after 30 updates and has 40: evaluate it again"):
        page([f"small={run}"], "the command", [write_report(tmp_path / "other", step=30)])
    with pytest.raises(UserError, match="no report of evaluate"):
        page([f"small={run}"], "the command", [run])


def test_a_report_is_shown_with_every_flag_that_changes_its_numbers(tmp_path):
    flags = [
        "--methods", "telea", "cmd:tool {image} {mask} {output}", "--data", "faces/test",
        "--masks", "masks", "--by_order", "--size", "64", "--seed", "1", "--batch_size", "10",
        "--skip", "lpips", "st_lpips", "--inception", "fid.pth",
    ]  # fmt: skip
    given, unset = parse(flags), parse([])
    made = manifest(given, {}, {}, {}, "1 x cpu")
    assert all(made["arguments"][name] != getattr(unset, name) for name in ARGUMENTS)
    report = write_report(tmp_path / "report")
    recorded = json.loads((report / "manifest.json").read_text()) | made
    (report / "manifest.json").write_text(json.dumps(recorded))
    text = reports_section([report], {})
    (shown,) = re.findall("^    (python -m glcic_jax.evaluate .*)$", text, re.MULTILINE)
    assert vars(parse(shlex.split(shown)[3:])) == vars(given)


def test_what_changes_no_number_is_all_that_a_manifest_leaves_out():
    assert vars(parse([])).keys() - set(ARGUMENTS) == {
        "output", "feature_cache", "shown", "timeout", "compare",
    }  # fmt: skip


def test_neither_run_nor_weights_is_refused(tmp_path, capsys):
    with pytest.raises(UserError, match="no run folder"):
        page([str(tmp_path)], "the command")
    assert main([str(tmp_path / "page.md"), str(tmp_path / "none")]) == 2
    assert not (tmp_path / "page.md").exists()


def test_commands_lose_the_places_of_a_machine():
    words = ["python", "--config.data.root=/a/b/faces64", "/x/held.txt", "configs/a.py", "7/2"]
    assert shown_command(words) == "python --config.data.root=faces64 held.txt configs/a.py 7/2"
    assert shown_command(["--data=/a/b/faces64/test/"]) == "--data=faces64/test"
    assert "/home" not in shown_command(["--config.data.more_roots=('/home/a','/home/b')"])


def test_pictures_are_copied_beside_the_page_and_linked(tmp_path):
    run, group = write(tmp_path / "a"), tmp_path / "three"
    for folder in (run, write(group / "seed0"), write(group / "seed1")):
        for step, shade in ((5, 0), (40, 200)):
            (folder / "samples").mkdir(exist_ok=True)
            write_picture(folder / f"samples/{step:08d}.png", np.full((8, 8, 3), shade, np.uint8))
    (group / "seeds.md").write_text("| the | table |\n")
    at, pictures = tmp_path / "docs/zoo.md", tmp_path / "docs/zoo"
    assert main([str(at), f"one run={run}", str(group), "--pictures", str(pictures)]) == 0
    text = at.read_text()
    assert "| [one_run.jpg](zoo/one_run.jpg) |" in text
    assert "commit 0123456. Sample grid of seed0: [three.jpg](zoo/three.jpg).\n" in text
    assert [decode(pictures / name).mean() for name in ("one_run.jpg", "three.jpg")] == [200, 200]
    with pytest.raises(UserError, match='"b c" and "b_c" would both be b_c.jpg: rename one'):
        page([f"b c={run}", f"b_c={run}"], "the command", (), Gallery(at, pictures))
