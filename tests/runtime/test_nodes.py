"""Several real processes: that they compute what one does, and what becomes of them in trouble."""

import contextlib
import re
import shutil
import signal
import socket
import stat
import time

import numpy as np
import pytest

from glcic_jax.runtime.run_folder import read_config, read_records, saved_steps, steps_cut_short
from glcic_jax.runtime.run_token import FILE, VARIABLE
from tests.helpers.checkpoints import flip_a_byte, remove_a_file, truncate
from tests.helpers.nodes import BOUND, free_port, nodes, process
from tests.helpers.pictures import make_collection

NAMES = ("completion", "discriminator", "joint")
TOY = {"module": "tests.helpers.tiny"}
QUICK = ("--heartbeat_timeout=20", "--initialization_timeout=120")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_collection(tmp_path_factory.mktemp("nodes") / "pictures", 16)


def flags(pictures, workdir, *more):
    return (f"--workdir={workdir}", f"--config.data.root={pictures}", *QUICK, *more)


def records(workdir, kind="train"):
    """All that is recorded but for times."""
    timed = {"images_per_s", "step_ms", "waiting_ms"}
    return [
        {name: value for name, value in record.items() if name not in timed}
        for record in read_records(workdir)
        if record["kind"] == kind
    ]


def run_through(pictures, workdir, count, *more, **options):
    with nodes(workdir.parent / "logs", count, *flags(pictures, workdir, *more), **options) as all_:
        told = [node.ended(15 * BOUND) for node in all_]
    assert [code for code, _ in told] == [0] * count, told
    return [text for _, text in told]


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
    assert "toy on 2 processes, 4 x cpu, batch 8 = 4 x 2 (4 x 24 in the paper)" in first
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
    method = ("--config.method=glcic", "--config.discriminators=('local','global')")
    double = {"module": "tests.helpers.double", "JAX_ENABLE_X64": "1"}
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


def refused(folder, count, *command, own=None):
    """The last line of each; all must end by themselves."""
    with nodes(folder / "logs", count, *command, own=own, **TOY) as all_:
        told = [node.ended() for node in all_]
    assert all(code == 2 for code, _ in told), told
    return [[line for line in text.splitlines() if line.startswith("error: ")] for _, text in told]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({1: ["--num_processes=3"]}, "process 1 on .* is one of 3, process 0 on .* one of 2"),
        ({1: ["--process_id=0"]}, "port .* of this machine cannot be used|did not come"),
        ({1: ["--config.seed=5"]}, "not the same config everywhere: seed is 0 in process 0 and 5"),
        ({1: ["--coordinator=127.0.0.1:9"]}, "no process 0 at 127.0.0.1, port 10|did not come"),
        ({1: ["--process_id=2"]}, "--process_id 2 of 2|did not come"),
        ({1: ["--config.cpu_devices=1", "--config.data.batch_size=9"]}, "not the same config"),
    ],
)  # fmt: skip
def test_mistakes_at_the_start_get_one_line_in_each(pictures, tmp_path, own, message):
    command = flags(pictures, tmp_path / "run", "--initialization_timeout=25")
    lines = refused(tmp_path, 2, *command, own=own)
    for (line,) in lines:
        assert re.search(message, line)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_another_listing_of_pictures_is_refused(pictures, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(pictures, other)
    (other / "0/002.jpg").unlink()
    own = {1: [f"--config.data.root={other}"]}
    for (line,) in refused(tmp_path, 2, *flags(pictures, tmp_path / "run"), own=own):
        assert "not the same data everywhere: list of" in line
        assert "let all processes read the same files" in line


@pytest.mark.slow
@pytest.mark.parametrize("token", [None, "0123456789abcdef"])
def test_a_run_folder_that_is_not_shared_is_refused(token, pictures, tmp_path, monkeypatch):
    """At once, if the token is given; else process 1 cannot prove to be of this run."""
    command = flags(pictures, tmp_path / "run")
    if token is None:
        command = (*command, "--initialization_timeout=25")
    else:
        monkeypatch.setenv(VARIABLE, token)
    own = {1: [f"--workdir={tmp_path / 'mine'}"]}
    for (line,) in refused(tmp_path, 2, *command, own=own):
        assert "put --workdir on storage that all processes share" in line


@pytest.mark.slow
def test_a_run_with_strangers_about_ends_well(pictures, tmp_path):
    """They knock all the time, with the hello that was enough before there was a token."""
    workdir, port = tmp_path / "run", free_port()
    hello = b'{"index": 1, "count": 3, "host": "stranger"}\n'
    command = flags(pictures, workdir, "--config.phases.completion=24")
    with nodes(tmp_path / "logs", 2, *command, port=port, TINY_PAUSE="0.2", **TOY) as all_:
        knocks, modes = 0, set()
        while all_[0].poll() is None:
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", port + 1)) as stranger:
                    stranger.sendall(hello)
                knocks += 1
                modes.add(stat.S_IMODE((workdir / FILE).stat().st_mode))
            time.sleep(0.1)
        told = [node.ended() for node in all_]
    assert [code for code, _ in told] == [0, 0], told
    assert knocks > 20
    assert modes == {0o600}
    assert not (workdir / FILE).exists()


@pytest.mark.slow
def test_a_process_with_another_token_ends_with_a_line(pictures, tmp_path, monkeypatch):
    workdir, port = tmp_path / "run", free_port()
    command = flags(pictures, workdir, "--config.phases.completion=6")
    joining = (f"--coordinator=127.0.0.1:{port}", "--num_processes=2", "--process_id=1")
    monkeypatch.setenv(VARIABLE, "fedcba9876543210")
    with contextlib.ExitStack() as stack:
        wrong = stack.enter_context(process(tmp_path / "wrong.log", *command, *joining, **TOY))
        monkeypatch.setenv(VARIABLE, "0123456789abcdef")
        first = stack.enter_context(
            process(tmp_path / "0.log", *command, *joining, "--process_id=0", **TOY)
        )
        code, text = wrong.ended()
        (line,) = [line for line in text.splitlines() if line.startswith("error: ")]
        assert code == 2
        assert "has another token than GLCIC_RUN_TOKEN: give all the same GLCIC_RUN_TOKEN" in line
        assert first.poll() is None
        second = stack.enter_context(process(tmp_path / "1.log", *command, *joining, **TOY))
        assert [first.ended()[0], second.ended()[0]] == [0, 0]
