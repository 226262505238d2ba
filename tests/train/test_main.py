"""The command's runs: what they leave, resuming bit for bit, kill -9, SIGTERM, and starts."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from glcic_jax.main import main, parse, run
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import read_records
from glcic_jax.train import loop as train_module
from glcic_jax.train.interrupt import Interrupted
from glcic_jax.train.keeper import require_finite
from glcic_jax.weights.checkpoint import Checkpoints
from tests.helpers.runs import tiny, write_pictures
from tests.helpers.small import MEAN

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"))


def final_state(workdir, config):
    like = METHODS["glcic"](config, MEAN).init(jax.random.key(0, impl="rbg"))
    with Checkpoints(workdir, keep=9) as checkpoints:
        state = checkpoints.restore_latest(like)
    assert state is not None
    return jax.device_get(state)


def losses(workdir):
    return [(r["step"], r["loss/mse"]) for r in read_records(workdir) if r["kind"] == "train"]


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    run(tiny(pictures), workdir)
    return workdir


def test_a_run_leaves_everything_it_promises(whole):
    names = {path.name for path in whole.iterdir()}
    promised = {"config.json", "metrics.jsonl", "log.txt", "index.html", "samples", "tensorboard"}
    assert promised <= names
    assert [s for s, _ in losses(whole)] == [1, 2, 3, 4, 5, 6]
    scored = [r for r in read_records(whole) if r["kind"] == "held_out"]
    assert [r["step"] for r in scored] == [3, 6]
    assert {"held_out/l1", "held_out/psnr", "held_out/ssim"} <= scored[0].keys()
    assert sorted(p.name for p in (whole / "samples").iterdir()) == ["00000003.png", "00000006.png"]
    assert not list(whole.rglob("*.tmp"))


def test_a_run_leaves_nothing_in_the_folder_of_pictures(whole, pictures):
    assert {path.name for path in pictures.iterdir()} == {f"{number}.png" for number in range(12)}


def test_a_finished_run_prints_so_and_does_nothing(whole, pictures, capsys):
    before = losses(whole)
    run(tiny(pictures), whole)
    assert "found a checkpoint of step 6: training is finished" in capsys.readouterr().out
    assert losses(whole) == before


def test_an_interrupted_run_equals_an_uninterrupted_one(whole, pictures, tmp_path, monkeypatch):
    """Stops a run by Ctrl-C at step 3, between checkpoints, and resumes it with other threads."""
    config, workdir = tiny(pictures), tmp_path / "cut"
    evaluation = train_module.Report.evaluation

    def interrupt(self, step, phase, values, *each):
        evaluation(self, step, phase, values, *each)
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)

    with monkeypatch.context() as patch:
        patch.setattr(train_module.Report, "evaluation", interrupt)
        with pytest.raises(Interrupted):
            run(config, workdir)
    assert "SIGINT: saved step 4, leaving" in (workdir / "log.txt").read_text()
    run(tiny(pictures, data__threads=0), workdir)
    assert losses(workdir) == losses(whole)
    assert_same(final_state(workdir, config), final_state(whole, config))


def assert_same(ours, theirs):
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


COMMAND = """
import sys, pathlib
from glcic_jax import main
from tests.helpers.runs import tiny
import jax
jax.config.update("jax_num_cpu_devices", 4)
changes = eval(sys.argv[3])
config, workdir = tiny(pathlib.Path(sys.argv[1]), **changes), pathlib.Path(sys.argv[2])
main.parse = lambda *about: main.Command(config, workdir)
sys.exit(main.main())
"""


def start(pictures, workdir, **changes):
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(pictures), str(workdir), repr(changes)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def wait_for(process, text):
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return
    raise AssertionError(f"{text} never came:\n{''.join(lines)}")


def test_killed_runs_continue_bit_for_bit(pictures, tmp_path):
    """Kills a run while it trains, and right after a save began; sends SIGTERM; runs to the end."""
    changes = {"phases__completion": 24, "every__checkpoint": 5}
    config, workdir = tiny(pictures, **changes), tmp_path / "killed"
    run(config, tmp_path / "whole")
    for line, number in (("completion 7/24", signal.SIGKILL), ("completion 10/24", signal.SIGKILL)):
        with start(pictures, workdir, **changes) as process:
            wait_for(process, line)
            process.send_signal(number)
    with start(pictures, workdir, **changes) as process:
        wait_for(process, "completion 13/24")
        process.terminate()
        assert process.stdout is not None
        rest = process.stdout.read()
    assert "SIGTERM: saved step" in rest
    assert process.returncode == 128 + signal.SIGTERM
    with start(pictures, workdir, **changes) as process:
        wait_for(process, "found a checkpoint of step")
        wait_for(process, "done: open")
    assert losses(workdir) == losses(tmp_path / "whole")
    assert_same(final_state(workdir, config), final_state(tmp_path / "whole", config))


def test_a_loss_that_is_not_finite_stops_with_the_last_checkpoint_intact(pictures, tmp_path):
    config = tiny(pictures, optimizer__learning_rate=1e30)
    with pytest.raises(UserError, match=r"is (nan|inf) at step \d, in the completion phase"):
        run(config, tmp_path / "run")
    with pytest.raises(UserError, match="loss/mse is nan at step 1,234, in the joint phase"):
        require_finite(1234, "joint", {"loss/adversarial": 0.1, "loss/mse": float("nan")})
    checkpoints = tmp_path / "run" / "checkpoints"
    kept = [int(p.name) for p in checkpoints.iterdir() if p.name.isdigit()]
    for step in kept:
        assert step < 6


def test_init_from_takes_over_the_completion_network_and_its_mean_pixel(whole, pictures, tmp_path):
    config = tiny(pictures, init_from=str(whole), phases__completion=1)
    config.optimizer.learning_rate = 0.0  # the parameters stay what they were given
    run(config, tmp_path / "run")
    ours, theirs = (
        final_state(w, config).networks["completion"] for w in (tmp_path / "run", whole)
    )
    assert_same(ours.params, theirs.params)
    texts = [(w / "log.txt").read_text() for w in (tmp_path / "run", whole)]
    assert "starts from" in texts[0]
    assert "starts from" not in texts[1]
    before, after = (
        [r for r in read_records(w) if r["kind"] == "held_out"] for w in (tmp_path / "run", whole)
    )
    assert before[0] == after[-1] | {"step": 0}  # what it is worth before the first update


def test_finetuning_leaves_the_devices_to_be_chosen(whole):
    """Reading the start must not wake JAX: the number of devices is set after that."""
    code = "from glcic_jax.main import parse; parse(); import jax; "
    code += "jax.config.update('jax_num_cpu_devices', 2); print(jax.device_count())"
    command = [sys.executable, "-c", code, f"--config=configs/finetune.py:{whole}", "--workdir=x"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"


def test_finetuning_takes_networks_and_sizes_from_its_start(whole, monkeypatch, capsys, tmp_path):
    command = ["x", "--config", f"configs/finetune.py:{whole}", "--workdir", "mine"]
    monkeypatch.setattr(sys, "argv", [*command, "--config.phases.completion=9"])
    config = parse().config
    assert (config.width, config.data.crop, config.data.resize) == (2, 32, (32, 48))
    assert config.holes.to_dict() == {"kind": "box", "shortest": 6, "longest": 12}
    assert config.init_from == str(whole)
    # A start without discriminators goes on without, one with them by all three phases.
    assert config.phases.to_dict() == {"completion": 9, "discriminator": 0, "joint": 0}
    about = json.loads((whole / "config.json").read_text())
    about["config"]["discriminators"] = ["local", "global"]
    (tmp_path / "config.json").write_text(json.dumps(about))
    judged = ["x", "--config", f"configs/finetune.py:{tmp_path}", "--workdir", "mine"]
    monkeypatch.setattr(sys, "argv", [*judged, "--config.phases.joint=9"])
    assert parse().config.phases.to_dict() == {"completion": 0, "discriminator": 100, "joint": 9}
    for wrong, message in (
        ([*command, "--config.widht=3"], "the nearest is --config.width"),
        (["x", "--config", "configs/finetune.py", "--workdir", "mine"], "name the run to start"),
        (["x", "--config", "configs/finetune.py:/no", "--workdir", "mine"], "/no: no such file"),
    ):
        monkeypatch.setattr(sys, "argv", wrong)
        assert main() == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


def test_a_folder_of_another_config_is_refused(whole, pictures):
    before = (whole / "config.json").read_text()
    with pytest.raises(UserError, match="seed is 0 there and 1 here"):
        run(tiny(pictures, seed=1), whole)
    assert (whole / "config.json").read_text() == before
    assert json.loads(before)["config"]["seed"] == 0


def test_a_run_goes_on_from_an_older_checkpoint_if_the_latest_is_damaged(whole, pictures, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(whole, workdir)
    for path in (workdir / "checkpoints/6/about").iterdir():
        path.write_text("{}")
    run(tiny(pictures), workdir)
    assert "found a checkpoint of step 4: resuming" in (workdir / "log.txt").read_text()
    assert_same(final_state(workdir, tiny(pictures)), final_state(whole, tiny(pictures)))


def test_too_many_bad_pictures_stop_the_run_in_one_line(pictures, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(pictures, folder)
    for name in ("1.png", "5.png", "8.png", "9.png"):
        (folder / name).write_text("broken")
    with pytest.raises(UserError, match="pictures are unreadable or too small"):
        run(tiny(folder), tmp_path / "run")
    assert not (tmp_path / "run").exists()
