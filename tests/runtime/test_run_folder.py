"""Run folders: claimed by one config, locked by one process."""

import errno
import fcntl
import json
import subprocess
import sys
from pathlib import Path

import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import (
    claim,
    lock,
    read_config,
    read_records,
    read_run,
    read_starts,
)

CONFIG = {"seed": 0, "data": {"batch_size": 96, "threads": 16, "resize": (256, 384)}}
FREE = ("every", "data.threads")


def test_a_new_folder_is_claimed_and_an_old_one_recognised(tmp_path):
    assert not claim(tmp_path, CONFIG, may_differ=FREE)
    assert claim(tmp_path, CONFIG, may_differ=FREE)
    assert json.loads((tmp_path / "config.json").read_text())["data"]["resize"] == [256, 384]
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


def test_another_config_is_refused_with_the_differences(tmp_path):
    claim(tmp_path, CONFIG, may_differ=FREE)
    other = {"seed": 1, "width": 64, "data": CONFIG["data"] | {"batch_size": 32}}
    with pytest.raises(UserError) as caught:
        claim(tmp_path, other, may_differ=FREE)
    message = str(caught.value)
    for part in (
        "data.batch_size is 96 there and 32 here",
        "seed is 0 there and 1 here",
        "width is absent there and 64 here",
        "choose another --workdir",
    ):
        assert part in message
    assert "\n" not in message
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 0


def test_what_has_no_part_in_the_result_may_change(tmp_path):
    claim(tmp_path, CONFIG, may_differ=FREE)
    changed = CONFIG | {"data": CONFIG["data"] | {"threads": 2}, "every": {"log": 5}}
    assert claim(tmp_path, changed, may_differ=FREE)
    with pytest.raises(UserError, match="data.threads_more"):
        more = changed | {"data": changed["data"] | {"threads_more": 1}}
        claim(tmp_path, more, may_differ=FREE)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"null", b"", b"\xff"])
def test_a_broken_config_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match="config.json: not a config"):
        claim(tmp_path, CONFIG, may_differ=FREE)


def test_a_file_in_the_folders_place_is_refused(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="cannot write there"), lock(tmp_path / "run"):
        pass
    with pytest.raises(UserError, match="cannot read or write it"):
        claim(tmp_path / "run", CONFIG, may_differ=FREE)


def test_a_folder_with_other_files_only_holds_no_run(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert not claim(tmp_path, CONFIG, may_differ=FREE)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    def no_locks(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(UserError, match="cannot lock it .No locks"), lock(tmp_path / "run"):
        pass


def test_two_processes_never_train_in_one_folder(tmp_path):
    code = (
        "import sys; from pathlib import Path; from glcic_jax.runtime.run_folder import lock\n"
        "with lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another process is training"), lock(tmp_path / "run"):
            pass
        other.kill()
    with lock(tmp_path / "run"):
        pass  # the kernel let go


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    claim(tmp_path, CONFIG, may_differ=FREE)
    (tmp_path / ".17113.1402.tmp").write_text("half")
    claim(tmp_path, CONFIG, may_differ=FREE)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_run_of_any_version_is_read(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))  # format 1: the config alone
    assert read_run(tmp_path) == {"format": 2, "config": read_config(tmp_path), "starts": []}
    assert read_config(tmp_path)["data"]["batch_size"] == 96
    content = {"format": 2, "config": CONFIG, "starts": [{"step": 0}]}
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert read_starts(tmp_path) == [{"step": 0}]
    (tmp_path / "config.json").write_text(json.dumps(content | {"format": 3}))
    with pytest.raises(UserError, match="its format is 3, and this version knows 1 to 2: update"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"format": "glcic_jax weights"}, "its format is glcic_jax weights, not a run's"),
        ({"format": 2}, "it holds no config or no starts"),
        ({"format": 2, "config": {}, "starts": None}, "it holds no config or no starts"),
        ({"format": 2, "config": {}, "starts": [1]}, "it holds no config or no starts"),
    ],
)
def test_the_config_of_something_else_is_refused(content, message, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=f"{message}.*: name the folder of a run"):
        read_run(tmp_path)


RECORD = {"kind": "train", "step": 1, "phase": "joint", "loss/mse": None}


def test_torn_records_of_any_bytes_are_skipped(tmp_path, caplog):
    (tmp_path / "metrics.jsonl").write_bytes(f"{json.dumps(RECORD)}\n".encode() + b'\xff\x00{"st')
    assert read_records(tmp_path) == [RECORD]
    assert not caplog.messages  # as after any kill


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "5",
        "[" * 10_000,
        json.dumps({"kind": "train"}),
        json.dumps(RECORD | {"step": "x"}),
        json.dumps(RECORD | {"loss/mse": "y"}),
        json.dumps(RECORD | {"loss/mse": [1]}),
    ],
)
def test_damaged_records_are_left_out_and_counted(line, tmp_path, caplog):
    (tmp_path / "metrics.jsonl").write_text(f"{line}\n{json.dumps(RECORD)}\n{line}\n")
    assert read_records(tmp_path) == [RECORD]
    (message,) = caplog.messages
    assert message.endswith(
        "metrics.jsonl: damaged: 2 of its lines hold no record and are left out"
    )


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="no run folder; give the --workdir of a training"):
        read_run(tmp_path)
