"""Several real processes: that they compute what one does, and what becomes of them in trouble."""

import re
import shutil
import signal
import time

import numpy as np
import pytest

from glcic_jax.runtime.run_folder import read_config, saved_steps, steps_cut_short
from tests.helpers.checkpoints import flip_a_byte, remove_a_file, truncate
from tests.helpers.nodes import BOUND, CONFIG, TOY, flags, nodes, records, run_through
from tests.helpers.pictures import make_collection

NAMES = ("completion", "discriminator", "joint")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_collection(tmp_path_factory.mktemp("nodes") / "pictures", 16)


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """A run of 24 updates on two processes, never disturbed."""
    workdir = tmp_path_factory.mktemp("nodes") / "whole"
    texts = run_through(pictures, workdir, 2, "--config.phases.completion=24", **TOY)
    return workdir, texts


def assert_close(ours, theirs):
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            if isinstance(value, float):
                np.testing.assert_allclose(value, other[name], rtol=1e-5, err_msg=name)
            else:
                assert value == other[name]


@pytest.mark.slow
def test_the_first_line_says_what_there_is_and_one_process_alone_writes(whole):
    workdir, (first, second) = whole
    assert "toy on 2 processes, 4 x cpu, batch 8 = 4 x 2" in first
    assert "done: open" in first
    assert "completion" not in second
    assert [record["step"] for record in records(workdir)] == list(range(1, 25))
    assert read_config(workdir)["method"] == "toy"


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 4])
def test_the_number_of_processes_does_not_change_the_run(whole, pictures, tmp_path, count):
    """Four devices in one, two and four processes: losses, gradient norms, held-out scores."""
    devices = f"--config.cpu_devices={4 // count}"
    steps = "--config.phases.completion=24"
    run_through(pictures, tmp_path / "run", count, devices, steps, **TOY)
    for kind in ("train", "held_out"):
        assert_close(records(tmp_path / "run", kind), records(whole[0], kind))


@pytest.mark.slow
def test_optimizers_split_over_processes_change_nothing(whole, pictures, tmp_path):
    """Checkpoints too: each process writes what the other holds."""
    options = ("--config.phases.completion=24", "--config.fsdp=4")
    texts = run_through(pictures, tmp_path / "run", 2, *options, **TOY)
    assert "optimizers split over 4 devices" in texts[0]
    for kind in ("train", "held_out"):
        assert_close(records(tmp_path / "run", kind), records(whole[0], kind))


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [((4, 1), (2, 2)), ((1, 1), (2, 4))])
def test_it_goes_on_with_other_processes_and_devices(whole, pictures, tmp_path, before, after):
    """(processes, devices of each). Pictures come in the order of the run never stopped: none
    twice, none left out.
    """
    steps, workdir = "--config.phases.completion=24", tmp_path / "run"
    command = flags(pictures, workdir, steps, f"--config.cpu_devices={before[1]}")
    with nodes(tmp_path / "logs", before[0], *command, TINY_PAUSE="0.5", **TOY) as all_:
        all_[0].wait_for("completion 9/24")
        all_[-1].send_signal(signal.SIGTERM)
        for node in all_:
            code, _ = node.ended()
            assert code == 128 + signal.SIGTERM
    run_through(pictures, workdir, after[0], steps, f"--config.cpu_devices={after[1]}", **TOY)
    assert_close(records(workdir), records(whole[0]))


@pytest.mark.slow
def test_glcic_on_two_processes_is_that_on_one(pictures, tmp_path):
    """C alone, then both networks once, in double precision: float32 would differ by rounding."""
    phases = [f"--config.phases.{n}={c}" for n, c in zip(NAMES, (2, 0, 1), strict=True)]
    method = ("--config.discriminators=('local','global')",)
    double = {"module": "tests.helpers.double", "config": f"{CONFIG}:glcic", "JAX_ENABLE_X64": "1"}
    few = ("--config.every.evaluate=100", "--config.every.images=100", "--config.width=4")
    patient = "--heartbeat_timeout=600"  # on a busy machine compiling can hold a process that long
    for count in (1, 2):
        devices = f"--config.cpu_devices={4 // count}"
        workdir = tmp_path / f"{count}"
        command = (*phases, *method, *few, devices, patient)
        run_through(pictures, workdir, count, *command, **double)
    ours, theirs = (records(tmp_path / name) for name in "21")
    assert {record["phase"] for record in ours} == {"completion", "joint"}
    assert_close(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_killed_process_ends_the_others_and_the_run_goes_on(whole, pictures, tmp_path, lost):
    """With data workers, which must not stay either; then bit for bit to the end."""
    workdir, steps = tmp_path / "run", "--config.phases.completion=24"
    command = flags(pictures, workdir, steps, "--config.data.workers=1")
    with nodes(tmp_path / "logs", 2, *command, TINY_PAUSE="0.5", **TOY) as all_:
        all_[0].wait_for("completion 5/24")
        all_[lost].kill()
        killed = time.monotonic()
        code, told = all_[1 - lost].ended()
        all_[lost].ended()
    assert time.monotonic() - killed < BOUND
    assert code != 0
    assert f"error: process {lost} (" in told
    assert "is lost: killed, or its machine is down" in told
    run_through(pictures, workdir, 2, steps, **TOY)
    assert records(workdir) == records(whole[0])


@pytest.mark.slow
def test_killed_while_saving_the_run_goes_on_from_the_save_before(whole, pictures, tmp_path):
    """One process, then the other, at moments that a seed draws; a save lasts a second."""
    workdir, rng = tmp_path / "run", np.random.default_rng(0)
    steps, last = "--config.phases.completion=24", 0
    for lost in (0, 1):
        command = flags(pictures, workdir, steps)
        with nodes(tmp_path / "logs", 2, *command, TINY_SAVING="1", **TOY) as all_:
            all_[0].wait_for(f"completion {last + 5}/24")
            while not steps_cut_short(workdir):
                assert all_[0].poll() is None, all_[0].told()
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 1))
            all_[lost].kill()
            told = [node.ended()[1] for node in all_]
        assert f"error: process {lost} (" in told[1 - lost]
        assert max(saved_steps(workdir)) >= last + 2
        last = max(saved_steps(workdir))
    cut_short = steps_cut_short(workdir)
    first, _ = run_through(pictures, workdir, 2, steps, **TOY)
    for step in cut_short:
        assert f"the save of step {step} was cut short: what it left is removed" in first
    assert f"found a checkpoint of step {last}: resuming" in first
    assert records(workdir) == records(whole[0])


@pytest.mark.slow
def test_damaged_checkpoints_are_named_and_passed_over(whole, pictures, tmp_path):
    """The last three, each in another way; process 0 tells, and both go on from the fourth."""
    workdir, steps = tmp_path / "run", "--config.phases.completion=24"
    shutil.copytree(whole[0], workdir)
    for step, damage in zip((24, 22, 20), (flip_a_byte, truncate, remove_a_file), strict=True):
        damage(workdir, step)
    first, _ = run_through(pictures, workdir, 2, steps, **TOY)
    for step in (24, 22, 20):
        assert re.search(rf"checkpoint {step} of .* is damaged: ", first)
    assert "found a checkpoint of step 18: resuming" in first
    assert records(workdir) == records(whole[0])


@pytest.mark.slow
def test_a_frozen_process_counts_as_lost(pictures, tmp_path):
    command = flags(pictures, tmp_path / "run", "--config.phases.completion=99")
    with nodes(tmp_path / "logs", 2, *command, TINY_PAUSE="0.3", **TOY) as all_:
        all_[0].wait_for("completion 3/99")
        all_[1].send_signal(signal.SIGSTOP)
        code, told = all_[0].ended()
    assert code == 1
    assert "is lost" in told


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_one_stops_all_at_one_step(whole, pictures, tmp_path, number):
    workdir, steps = tmp_path / "run", "--config.phases.completion=24"
    with nodes(
        tmp_path / "logs", 2, *flags(pictures, workdir, steps), TINY_PAUSE="0.5", **TOY
    ) as all_:
        all_[0].wait_for("completion 5/24")
        all_[1].send_signal(number)
        told = [node.ended() for node in all_]
    assert [code for code, _ in told] == [128 + signal.SIGTERM] * 2
    assert "SIGTERM: saved step" in told[0][1]
    run_through(pictures, workdir, 2, steps, **TOY)
    assert records(workdir) == records(whole[0])


@pytest.mark.slow
@pytest.mark.parametrize("failing", [0, 1])
def test_an_exception_in_one_ends_all(pictures, tmp_path, failing):
    command = flags(pictures, tmp_path / "run")
    with nodes(tmp_path / "logs", 2, *command, TINY_FAILS=f"{failing}:4", **TOY) as all_:
        told = [node.ended() for node in all_]
    assert [code for code, _ in told] == [1, 1]
    for _, text in told:
        assert "RuntimeError: the test's own" in text
    assert f"error: process {failing} (" in told[1 - failing][1]
    assert "Traceback" in told[failing][1]
    assert "Traceback" not in told[1 - failing][1]
