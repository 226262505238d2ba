"""Records sent to Weights & Biases and MLflow, by their offline modes and by a writer made up."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from configs import places2
from glcic_jax.pictures.decode import decode
from glcic_jax.runtime import trackers
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.trackers import check_trackers, open_trackers
from glcic_jax.settings.check import check
from glcic_jax.train.report import Report

PICTURE = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)


@pytest.fixture
def workdir(tmp_path):
    config = {"format": 2, "config": {"seed": 1, "data": {"crop": 64}}, "starts": []}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


class Kept:
    """Keeps what it is given; fails at a step of choice."""

    def __init__(self, workdir, config):
        self.config, self.points, self.pictures, self.closed = config, [], 0, False
        made.append(self)

    def scalars(self, step, values):
        if step == fails_at:
            raise ConnectionError("the server is away\nfor ever")
        self.points.append((step, values))

    def picture(self, step, name, picture):
        self.pictures += 1

    def close(self):
        self.closed = True


made, fails_at = [], 30


def report(workdir, **options):
    return Report(
        workdir, title="run", total_steps=50, batch_size=4, phase_ends=(("joint", 50),), **options
    )


@pytest.fixture
def kept(monkeypatch):
    made.clear()
    monkeypatch.setattr(trackers, "TRACKERS", {"wandb": Kept})
    monkeypatch.setattr(trackers, "find_spec", lambda name: name)


def test_a_writer_gets_the_config_and_every_record(workdir, kept):
    with report(workdir, trackers=("wandb",)) as run:
        run.resume(0)
        run.scalars(10, "joint", {"loss/mse": 0.5})
        run.evaluation(10, "joint", {"held_out/l1": 0.1})
        run.grid(10, [[PICTURE]], ["truth"])
    (writer,) = made
    assert writer.config == {"seed": 1, "data.crop": 64}
    assert [(s, v.get("loss/mse"), v.get("held_out/l1")) for s, v in writer.points] == [
        (10, 0.5, None),
        (10, None, 0.1),
    ]
    assert (writer.pictures, writer.closed) == (1, True)


def test_a_writer_that_fails_ends_no_training(workdir, kept, capsys):
    with report(workdir, trackers=("wandb",)) as run:
        run.resume(0)
        for step in (20, 30, 40):
            run.scalars(step, "joint", {"loss/mse": 0.5})
    assert [step for step, _ in made[0].points] == [20]
    said = [line for line in capsys.readouterr().out.splitlines() if "warning" in line]
    assert len(said) == 1
    assert "wandb: the server is away" in said[0]
    assert len((workdir / "metrics.jsonl").read_text().splitlines()) == 3


def test_without_names_and_in_other_processes_nothing_is_opened(workdir, kept):
    with report(workdir) as run:
        run.resume(0)
    with report(workdir, trackers=("wandb",), enabled=False) as run:
        run.resume(0)
        run.scalars(10, "joint", {"loss/mse": 0.5})
    assert not made


def test_a_missing_package_is_refused_with_its_extra_before_anything_is_written(monkeypatch):
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs the package mlflow: pip install .*\[mlflow\]"):
        check_trackers(["mlflow"])
    config = places2.get_config()
    config.data.root, config.trackers = "pictures", ("wandb",)
    with pytest.raises(UserError, match=r"config.trackers has wandb, which needs the package"):
        check(config)  # as a training does first


# The packages themselves ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed: an extra")
@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_writes_into_the_run_folder_offline(workdir, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    warnings = []
    (writer,) = open_trackers(["wandb"], workdir, warnings.append)
    writer.scalars(10, {"loss/mse": 0.125})
    writer.picture(10, "held_out", PICTURE)
    writer.close()
    assert not warnings
    (file,) = workdir.glob("wandb/offline-run-*/*.wandb")
    assert b"loss/mse" in file.read_bytes()
    (picture,) = workdir.glob("wandb/offline-run-*/files/media/images/*.png")
    np.testing.assert_array_equal(decode(picture), PICTURE)


@pytest.fixture
def store(workdir, monkeypatch):
    """MLflow's runs in a folder; returns them."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (workdir / "mlruns").as_uri())
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed: an extra")
    mlflow.set_tracking_uri((workdir / "mlruns").as_uri())  # it remembers that of another test
    client = mlflow.MlflowClient()

    def runs():
        experiment = client.get_experiment_by_name("glcic_jax")
        return client.search_runs([experiment.experiment_id])

    return runs


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_writes_to_a_folder(workdir, store):
    warnings = []
    (writer,) = open_trackers(["mlflow"], workdir, warnings.append)
    writer.scalars(10, {"loss/mse": 0.125, "loss/other": float("nan")})
    writer.picture(10, "held_out", PICTURE)
    writer.close()
    assert not warnings
    (run,) = store()
    assert run.data.params["data.crop"] == "64"
    assert run.data.metrics == {"loss/mse": 0.125}
    assert (run.info.run_name, run.info.status) == (workdir.name, "FINISHED")
    (picture,) = workdir.glob("mlruns/*/*/artifacts/images/held_out+step+10+*.png")
    np.testing.assert_array_equal(decode(picture), PICTURE)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_resumed_run_goes_on_with_its_record_in_mlflow(workdir, store):
    warnings = []
    for step in (10, 20):
        (writer,) = open_trackers(["mlflow"], workdir, warnings.append)
        assert store()[0].info.status == "RUNNING"
        writer.scalars(step, {"loss/mse": step / 10})
        writer.picture(step, "held_out", PICTURE)
        writer.close()
    assert not warnings
    (run,) = store()
    assert run.data.metrics == {"loss/mse": 2.0}
    assert len([*workdir.glob("mlruns/*/*/artifacts/images/*.png")]) == 2
    content = json.loads((workdir / "config.json").read_text())
    content["config"]["seed"] = 2
    (workdir / "config.json").write_text(json.dumps(content))
    open_trackers(["mlflow"], workdir, warnings.append)[0].close()
    assert len(store()) == 2  # another run, since its config is another
