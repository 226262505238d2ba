"""Several seeds of one config: what the runs are given, and the table of their scores."""

import json
import os

import numpy as np
import pytest

from glcic_jax.metrics.seeds import over_seeds
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.example_scores import read_scores, write_scores
from glcic_jax.runtime.run_folder import CONFIG
from glcic_jax.train.seeds import Seeds, groups_table, seeds_table, train_seeds
from tests.helpers.small import small_config

rng = np.random.default_rng(0)


def written(folder, count=6, **scores):
    folder.mkdir(parents=True)
    values = {"l1": rng.random(count).tolist(), "psnr": (20 + rng.random(count)).tolist()}
    write_scores(folder, 40, values | scores)
    return values


def test_each_run_has_its_seed_and_all_have_the_same_examples(tmp_path, capsys):
    given = []

    def work(config, workdir, accept_data):
        given.append((config.seed, config.data.held_out_seed, workdir, accept_data))
        written(workdir)
        (workdir / CONFIG).write_text("{}")

    config = small_config(seed=5)
    train_seeds(work, config, tmp_path, Seeds(3), accept_data=True)
    assert given == [(seed, 5, tmp_path / f"seed{seed}", True) for seed in (5, 6, 7)]
    assert config.seed == 5
    assert (tmp_path / "seeds.md").read_text() in capsys.readouterr().out


def test_one_of_the_seeds_is_trained_as_among_the_others(tmp_path):
    given = []

    def work(config, workdir, accept_data):
        given.append((config.seed, config.data.held_out_seed, workdir))

    assert train_seeds(work, small_config(seed=5), tmp_path, Seeds(3, only=7)) == 0
    assert given == [(7, 5, tmp_path / "seed7")]
    assert not (tmp_path / "seeds.md").exists()
    with pytest.raises(UserError, match="--only_seed 8: choose one of 5 to 7"):
        train_seeds(work, small_config(seed=5), tmp_path, Seeds(3, only=8))


def test_the_table_has_each_run_and_all_over_runs_and_examples(tmp_path):
    values = [written(tmp_path / f"seed{seed}") for seed in range(3)]
    lines = seeds_table([tmp_path / f"seed{seed}" for seed in range(3)]).splitlines()
    assert lines[0] == "| run | L1 hole x100 | PSNR hole |"
    together = over_seeds(np.array([v["l1"] for v in values]))
    shown = f"{100 * together.value:.2f} [{100 * together.low:.2f}, {100 * together.high:.2f}]"
    assert lines[5].startswith(f"| all 3 | {shown} |")
    assert lines[2].startswith(f"| seed0 | {100 * np.mean(values[0]['l1']):.2f} [")
    means = [np.mean(v["psnr"]) for v in values]
    assert lines[6].endswith(f"| {np.std(means, ddof=1):.2f} |")
    assert lines[8].startswith("Held-out examples: 6; after 40 updates.")


def test_the_table_names_sets_and_what_no_single_example_has(tmp_path):
    for seed in range(2):
        written(tmp_path / f"seed{seed}", **{"night/l1": [0.25] * 6})
    record = {"kind": "held_out", "step": 40, "phase": "joint", "held_out/kd_efflite0": 0.5}
    text = json.dumps(record | {"held_out/l1": 0.2, "held_out/night/l1": 0.25}) + "\n"
    (tmp_path / "seed0/metrics.jsonl").write_text(text)
    lines = seeds_table([tmp_path / "seed0", tmp_path / "seed1"]).splitlines()
    assert lines[0] == "| run | L1 hole x100 | PSNR hole | night: L1 hole x100 |"
    assert "| 25.00 [25.00, 25.00] |" in lines[2]
    assert lines[-1] == "Of all examples together, and in metrics.jsonl: kd_efflite0."


def test_an_experiment_of_several_runs_has_a_row_for_each_and_for_differences(tmp_path):
    values = {}

    def work(config, workdir, accept_data):
        for name in ("mse", "both"):
            values[name, config.seed] = written(workdir / name)["l1"]
            (workdir / name / CONFIG).write_text("{}")
            os.utime(workdir / name / CONFIG, (1, 1 if name == "mse" else 2))

    train_seeds(work, small_config(), tmp_path, Seeds(3))
    lines = (tmp_path / "seeds.md").read_text().splitlines()
    mse, both = (np.array([values[name, seed] for seed in range(3)]) for name in ("mse", "both"))
    for line, name, estimate in (
        (lines[2], "mse", over_seeds(mse)),
        (lines[3], "both", over_seeds(both)),
        (lines[4], "both - mse", over_seeds(both - mse)),  # seed by seed
    ):
        value, low, high = (f"{100 * number:.2f}" for number in estimate[:3])
        assert line.startswith(f"| {name} | {value} [{low}, {high}] |")
    with pytest.raises(UserError, match="holds no runs"):
        groups_table([tmp_path / "seed0/mse"])


def test_what_cannot_be_tabled_is_refused(tmp_path):
    written(tmp_path / "a")
    (tmp_path / "b").mkdir()
    with pytest.raises(UserError, match="b: no scores of single examples: held_out.json was lost"):
        seeds_table([tmp_path / "a", tmp_path / "b"])
    written(tmp_path / "c", count=5)
    with pytest.raises(UserError, match="other numbers of held-out examples"):
        seeds_table([tmp_path / "a", tmp_path / "c"])
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(UserError, match="holds a run itself: choose another --workdir"):
        train_seeds(print, small_config(), tmp_path, Seeds(2))


def test_damaged_scores_are_refused(tmp_path):
    assert read_scores(tmp_path) is None
    write_scores(tmp_path, 3, {"l1": [0.5, float("nan")]})
    step, scores = read_scores(tmp_path) or (0, {})
    assert (step, scores["l1"][0]) == (3, 0.5)
    for content in ("{", json.dumps({"step": 3}), json.dumps([1])):
        (tmp_path / "held_out.json").write_text(content)
        with pytest.raises(UserError, match="cannot read it"):
            read_scores(tmp_path)
