"""The user study: its server as raters and as enemies meet it, its file, its intervals."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import cv2
import numpy as np
import pytest

from glcic_jax.pictures.decode import write_picture
from glcic_jax.runtime.errors import UserError
from glcic_jax.user_study.__main__ import main
from glcic_jax.user_study.answers import HEADER, Answer, AnswerFile, read_answers, report, wilson
from glcic_jax.user_study.pictures import Pictures, scene
from glcic_jax.user_study.server import LONGEST_BODY, StudyServer
from tests.helpers.browser import browser, find_browser

ROOT = Path(__file__).parents[2]
SCENES = 8
rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Eight scenes in both folders, the completed ones with a black square."""
    base = tmp_path_factory.mktemp("pictures")
    for number in range(SCENES):
        picture = rng.integers(64, 256, (24, 32, 3), np.uint8)
        (base / "real" / "sub").mkdir(parents=True, exist_ok=True)
        (base / "completed" / "sub").mkdir(parents=True, exist_ok=True)
        write_picture(base / f"real/sub/{number}.jpg", picture)
        picture[8:16, 8:16] = 0
        write_picture(base / f"completed/sub/{number}.png", picture)
    return base / "real", base / "completed"


@contextmanager
def serving(folders, answers, seed=0):
    server = StudyServer(Pictures(*folders), answers, host="127.0.0.1", port=0, seed=seed)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server(folders, tmp_path):
    with serving(folders, tmp_path / "answers.csv") as server:
        yield server


def ask(server, method, path, body=None, headers=None):
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response, data


def get(server, path):
    return ask(server, "GET", path)


def post(server, **fields):
    return ask(server, "POST", "/answer", urlencode(fields))


def asked(server, rater):
    """The number of the picture that the page asks about; None once there is none."""
    _, html = get(server, f"/rate?{urlencode({'rater': rater})}")
    match = re.search(r'name="number" value="(\d+)"', html.decode())
    return match and int(match[1])


def judge(server, rater, limit=SCENES):
    """Answers as a rater who sees the black square; returns how many."""
    for count in range(limit):
        number = asked(server, rater)
        if number is None:
            return count
        _, png = get(server, f"/picture?{urlencode({'rater': rater, 'number': number})}")
        pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        answer = "completed" if pixels is not None and not pixels[8:16, 8:16].any() else "real"
        response, _ = post(server, rater=rater, number=number, answer=answer, seconds="1.25")
        assert response.status == 303
    return limit


def test_two_raters_at_once_lose_nothing_and_see_every_scene_once(server, tmp_path):
    raters = ["ann", "Björn B."]
    threads = [threading.Thread(target=judge, args=(server, rater)) for rater in raters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = read_answers(tmp_path / "answers.csv")
    assert {a.rater for a in answers} == set(raters)
    for rater in raters:
        own = [a for a in answers if a.rater == rater]
        assert sorted(scene(a.picture) for a in own) == [f"sub/{n}" for n in range(SCENES)]
        assert [a.truth for a in own].count("real") == SCENES // 2
        assert asked(server, rater) is None
    assert all(a.answer == a.truth and a.seconds == "1.25" for a in answers)


def test_a_rater_goes_on_where_the_study_stopped(folders, tmp_path):
    path = tmp_path / "answers.csv"
    with serving(folders, path) as server:
        order = server.order("ann")
        assert judge(server, "ann", 3) == 3
        with pytest.raises(UserError, match="another study writes there"):
            AnswerFile(path)
    with path.open("ab") as file:
        file.write(b"2026-11-21T00:00:00+00:00,ann,sub/0")  # killed while writing
    assert len(read_answers(path)) == 3
    with serving(folders, path) as server:
        assert server.order("ann") == order
        assert judge(server, "ann") == SCENES - 3
    assert [a.picture for a in read_answers(path)] == [p.name for p in order]
    with serving(folders, path, seed=1) as server:  # other versions, but of scenes seen before
        assert server.order("ann") != order
        assert asked(server, "ann") is None
        assert asked(server, "eve") == 0


def test_an_answer_given_twice_counts_once(server, tmp_path):
    for answer in ("real", "completed"):
        assert post(server, rater="ann", number=0, answer=answer)[0].status == 303
    (kept,) = read_answers(tmp_path / "answers.csv")
    assert (kept.answer, kept.seconds) == ("real", "")


def test_nothing_gives_away_real_or_completed(server):
    order = server.order("ann")
    kinds = []
    for number in range(SCENES):
        response, png = get(server, f"/picture?rater=ann&number={number}")
        headers = {n: v for n, v in response.getheaders() if n not in ("Date", "Content-Length")}
        kinds.append((order[number].truth, str(headers), png[:33]))  # 33: up to the end of IHDR
    assert len({truth for truth, *_ in kinds}) == 2
    assert len({seen for _, *rest in kinds for seen in [tuple(rest)]}) == 1
    _, html = get(server, "/rate?rater=ann")
    for secret in ("sub", "jpg", "png", str(order[0].folder)):
        assert secret not in html.decode()


def test_a_name_cannot_become_markup(server):
    name = 'a<script>alert("1")</script>\'&'
    _, html = get(server, f"/rate?{urlencode({'rater': name})}")
    assert html.decode().count("<script") == 1  # our own
    assert 'value="a&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#x27;&amp;"' in html.decode()
    response, _ = post(server, rater=name, number=0, answer="real")
    assert response.status == 303
    assert "\n" not in (response.getheader("Location") or "\n")
    policy = response.getheader("Content-Security-Policy") or ""
    assert policy.startswith("default-src 'self'")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/../answers.csv", 404),
        ("/sub/0.jpg", 404),
        ("/picture?rater=ann&number=../0", 404),
        (f"/picture?rater=ann&number={SCENES}", 404),
        ("/picture?rater=ann&number=-1", 404),
        ("/picture?rater=ann&number=" + "9" * 5000, 404),
        ("/picture?rater=ann&number=%C2%B2", 404),
        ("/picture?number=0", 400),
        ("/rate?rater=", 400),
        ("/rate?rater=" + "a" * 41, 400),
        ("/rate?rater=%3D1%2B1", 400),
        ("/rate?rater=a%0Db%00", 400),
        ("x://[/rate?rater=ann", 400),
        ("/rate?" + "a=1&" * 99, 400),
    ],
)
def test_hostile_addresses_are_refused(server, path, status):
    response, html = get(server, path)
    assert response.status == status
    assert b"Traceback" not in html


def test_hostile_answers_are_refused_and_leave_no_line(server, tmp_path):
    good = urlencode({"rater": "ann", "number": 0, "answer": "real"})
    cases = [
        (good.replace("real", "maybe"), {}, 400),
        (good.replace("number=0", "number=99"), {}, 404),
        (good, {"Origin": "http://elsewhere.example"}, 403),
        ("x", {"Content-Length": str(LONGEST_BODY + 1)}, 413),
        ("x", {"Content-Length": "9" * 4000}, 413),
        ("x", {"Content-Length": "-5"}, 411),
        (b"rater=\xff\xfe", {}, 400),
        ("a=1&" * 99, {}, 400),
    ]
    for body, headers, status in cases:
        assert ask(server, "POST", "/answer", body, headers)[0].status == status, body
    assert ask(server, "POST", "/", good)[0].status == 404
    assert ask(server, "PUT", "/answer", good)[0].status == 501
    for seconds in ("nan", "-1", "1e9", "soon", "1,2\n"):
        post(server, rater="ann", number=asked(server, "ann"), answer="real", seconds=seconds)
    answers = read_answers(tmp_path / "answers.csv")
    assert [a.seconds for a in answers] == [""] * 5
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 6


def test_an_answer_that_does_not_fit_on_the_disk_is_reported_and_leaves_the_file_whole(
    small_disk, capfd, folders
):
    path = small_disk / "answers.csv"
    with serving(folders, path) as server:
        assert judge(server, "ann", 1) == 1
        os.truncate(path, 4096)  # to the end of its block: the next byte takes another one
        whole = path.read_bytes()
        with pytest.raises(OSError, match="No space left"):
            (small_disk / "rest").write_bytes(b"0" * 2**23)
        number = asked(server, "ann")
        response, html = post(server, rater="ann", number=number, answer="real")
        assert response.status == 507
        assert b"could not be saved" in html
        assert path.read_bytes() == whole
        (small_disk / "rest").unlink()
        assert asked(server, "ann") == number
        assert post(server, rater="ann", number=number, answer="real")[0].status == 303
        assert path.read_bytes().startswith(whole + b"20")
    assert "an answer of ann was not saved" in capfd.readouterr().err


def test_the_interval_is_wilsons():
    np.testing.assert_allclose(wilson(8, 10), (0.4901625, 0.9433178), atol=1e-6)
    np.testing.assert_allclose(wilson(0, 10), (0, 0.2775328), atol=1e-6)  # z^2 / (n + z^2)
    np.testing.assert_allclose(wilson(10, 10), (0.7224672, 1), atol=1e-6)
    with pytest.raises(ValueError, match="no answers"):
        wilson(0, 0)


def test_the_report_is_by_rater_and_together():
    def answers(rater, truth, real, completed):
        given = ["real"] * real + ["completed"] * completed
        return [Answer("", rater, f"{i}", truth, a, "") for i, a in enumerate(given)]

    given = answers("ann", "completed", 8, 2) + answers("bo", "real", 3, 0)
    given += answers("bo", "completed", 0, 10)
    lines = report(given).splitlines()
    assert lines[1].split() == ["ann", "-", "8/10", "80.0", "%", "[49.0,", "94.3]"]
    assert "3/3 100.0 % [43.9, 100.0]" in lines[2]
    assert "0/10 0.0 % [0.0, 27.8]" in lines[2]
    assert "8/20 40.0 % [21.9, 61.3]" in lines[3]


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


def test_pictures_of_any_size_are_shown_as_squares_if_asked(folders, tmp_path):
    write_picture(tmp_path / "a.png", np.zeros((9, 40, 3), np.uint8))
    pictures = Pictures(folders[0], tmp_path, size=16)
    shapes = set()
    for picture in pictures.order("ann", 0):
        png = np.frombuffer(pictures.png(picture), np.uint8)
        shapes.add(np.shape(cv2.imdecode(png, cv2.IMREAD_COLOR)))
    assert shapes == {(16, 16, 3)}


@pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome on this machine")
def test_in_a_real_browser_by_keys_and_by_clicks(server, tmp_path):
    def wait(tab, text):
        tab.wait(
            f"document.readyState == 'complete' && document.body.innerText.includes({text!r}) && "
            "[...document.querySelectorAll('button')].every((button) => !button.disabled)"
        )

    with browser(tmp_path / "profile") as tab:
        tab.open(f"http://127.0.0.1:{server.server_port}/")
        wait(tab, "Your name")
        tab.evaluate("document.querySelector('input').value = 'ann'")
        tab.evaluate("document.querySelector('button').click()")
        for number, key in enumerate(("ArrowLeft", "ArrowRight", "r", "C")):
            wait(tab, f"{number + 1} of {SCENES}")
            assert tab.evaluate("document.images[0].naturalWidth") == 32
            tab.press(key)
        for number in range(4, SCENES):
            wait(tab, f"{number + 1} of {SCENES}")
            tab.evaluate("document.querySelectorAll('button')[1].click()")
        wait(tab, "Thank you, ann")
    answers = read_answers(tmp_path / "answers.csv")
    pressed = ["real", "completed", "real", "completed"] + ["completed"] * 4
    assert [a.answer for a in answers] == pressed
    assert [a.picture for a in answers] == [p.name for p in server.order("ann")]
    assert all(0 <= float(a.seconds) < 60 for a in answers)
