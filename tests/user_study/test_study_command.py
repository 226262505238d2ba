"""The user study as a command: its answers, its signals, and mistakes."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from glcic_jax.pictures.decode import write_picture
from glcic_jax.user_study.__main__ import main
from glcic_jax.user_study.answers import HEADER, read_answers
from tests.helpers.study import SCENES, ask, judge

ROOT = Path(__file__).parents[2]


def start(*arguments):
    command = [sys.executable, "-u", "-m", "glcic_jax.user_study", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_as_a_command_kill_9_keeps_every_answer_and_ctrl_c_prints_the_shares(folders, tmp_path):
    path = tmp_path / "answers.csv"
    real, completed = folders
    study = ["--real", real, "--completed", completed, "--answers", path, "--port", 0]

    class At:
        server_port = 0

    for number, count in ((signal.SIGKILL, 5), (signal.SIGINT, 3)):
        with start(*study) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("8 real and 8 completed pictures; each")
            At.server_port = int(process.stdout.readline().split(":")[-1].strip(" /\n"))
            here = {"Host": f"{socket.gethostname()}:{At.server_port}"}
            assert ask(At, "GET", "/", headers=here)[0].status == 200
            assert judge(At, "ann", count) == count
            process.send_signal(number)
            rest = process.stdout.read()
    assert process.returncode == 0
    assert "all together" in rest
    assert "4/4 100.0 %" in rest
    assert "0/4 0.0 %" in rest
    assert len(read_answers(path)) == SCENES


def test_mistakes_get_one_line_and_exit_code_2(folders, tmp_path, capsys):
    real, completed = map(str, folders)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_text("no picture")
    (tmp_path / "wide").mkdir()
    write_picture(tmp_path / "wide" / "a.png", np.zeros((9, 40, 3), np.uint8))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "bad.csv").write_bytes(HEADER + b"one,two\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = [
            ([], "--real is missing"),
            (["--real", real], "--completed is missing"),
            (["--real", real, "--completed", real], "give two folders"),
            (["--real", real, "--completed", f"{tmp_path}/no"], "no: no such file or folder"),
            (["--real", real, "--completed", f"{tmp_path}/empty"], "no pictures in this folder"),
            (["--real", real, "--completed", f"{tmp_path}/broken"], "a.png: not a picture"),
            (["--real", real, "--completed", f"{tmp_path}/wide"], "is 32x24 pixels, and no comp"),
            (["--real", real, "--completed", completed, "--size", "2"], "give at least 8"),
            (["--real", real, "--completed", completed, "--port", port], "Address already in use"),
            (["--real", real, "--completed", completed, "--port", "99999"], "another --host or"),
            (["--real", real, "--completed", completed, "--port", "0", "--answers",
              f"{tmp_path}/other.csv"], "other.csv: not the answers of a study"),
            (["--real", real, "--completed", completed, "--port", "0", "--answers",
              f"{tmp_path}/no/a.csv"], "a.csv: cannot write there"),
            (["--report", f"{tmp_path}/no.csv"], "no.csv: No such file"),
            (["--report", f"{tmp_path}/bad.csv"], "bad.csv: line 2 is not an answer"),
        ]  # fmt: skip
        before = sorted(tmp_path.rglob("*"))
        for arguments, message in cases:
            assert main(["--answers", f"{tmp_path}/new.csv", *arguments]) == 2, arguments
            (line,) = capsys.readouterr().err.splitlines()
            assert message in line
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "other.csv").read_text() == "a,b\n1,2\n"
