"""The user study's server as raters and as enemies meet it."""

import os
import threading
from urllib.parse import urlencode

import cv2
import numpy as np
import pytest

from glcic_jax.pictures.decode import write_picture
from glcic_jax.runtime.errors import UserError
from glcic_jax.user_study.answers import AnswerFile, read_answers
from glcic_jax.user_study.pictures import Pictures, scene
from glcic_jax.user_study.server import LONGEST_BODY
from tests.helpers.browser import browser, find_browser
from tests.helpers.study import SCENES, ask, asked, get, judge, post, serving


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
