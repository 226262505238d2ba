"""The web page's server as enemies meet it: hostile files and requests, other sites, floods."""

import json
import os
import signal
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from glcic_jax.demo import filling
from glcic_jax.runtime.errors import UserError
from tests.helpers.pictures import file_of, photograph
from tests.helpers.web import LIMITS, ask, complete, hole, picture, refused, serving


@pytest.fixture(scope="module")
def port():
    with serving() as (port, _):
        yield port


def bomb():
    """Returns a PNG of 20 billion pixels in a few hundred bytes."""
    data = bytearray(file_of(np.zeros((1, 1), np.uint8)))
    data[16:24] = (200_000).to_bytes(4, "big") + (100_000).to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def test_hostile_files_are_refused_in_a_line_and_the_next_request_is_answered(port):
    good, mask = file_of(picture), file_of(hole)
    frames = [Image.fromarray(photograph(n)) for n in range(3)]
    gif = BytesIO()
    frames[0].save(gif, "GIF", save_all=True, append_images=frames[1:])
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>1</script></svg>'
    cases = [
        (b"only text", mask, "image: not a picture"),
        (good, b"only text", "mask: not a picture"),
        (svg, mask, "image: not a picture"),
        (gif.getvalue(), mask, "image: a GIF file: send JPEG, PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", mask, "image: "),
        (bomb(), mask, "image: .*too many"),
        (good, bomb(), "mask: .*too many"),
        (file_of(np.zeros((101, 20_000), np.uint8)), mask, "2,020,000 pixels are too many"),
        (good[: len(good) // 2], mask, "image: the file is truncated"),
        (file_of(picture, "JPEG")[:-200], mask, "image: the file is truncated"),
        (good, file_of(hole[:-1]), "the mask is 80x59 and the upright picture 80x60"),
        (good, file_of(np.full_like(hole, 255)), "covers the whole picture"),
        (good, file_of(np.zeros_like(hole)), "the mask is empty"),
    ]
    for image, other, message in cases:
        refused(complete(port, image=image, mask=other), 400, message)
    assert complete(port, image=good, mask=mask)[0].status == 200


def test_a_hole_that_is_too_large_to_blend_is_refused(monkeypatch):
    monkeypatch.setattr(filling, "LARGEST_SOLVED", int((hole > 0).sum()) - 1)
    files = file_of(picture), file_of(hole)
    for method, postprocess in (("laplace", False), ("other", True)):
        with pytest.raises(UserError, match="pixels is too large to blend, the limit is"):
            filling.complete_upload(
                filling.FillJob(*files, method, postprocess), pytest.fail, 10**6
            )


def test_hostile_requests_are_refused_in_a_line(port):
    good = {"image": file_of(picture), "mask": file_of(hole)}
    refused(complete(port, **good, method="../../etc/passwd"), 400, "no such method: choose telea")
    assert complete(port, **good, postprocess="paper")[0].status == 200
    refused(complete(port, **good, postprocess="maybe"), 400, "give 1 or 0, or smooth or paper")
    refused(complete(port, **good, texture="maybe"), 400, "texture: give 1 or 0")
    refused(complete(port, **good, seed="-1"), 400, "seed: give a number")
    refused(complete(port, image=good["image"]), 400, "send two files")
    refused(complete(port, image="/etc/passwd", mask=good["mask"]), 400, "send two files")
    refused(complete(port, **good, more=b"1"), 400, "cannot be read: Too many files")
    fields = dict.fromkeys("abcde", "1")
    refused(complete(port, **good, **fields), 400, "cannot be read: Too many fields")
    refused(complete(port, **good, method="a" * 2_000_000), 400, "cannot be read: Part exceeded")
    post = ("POST", "/api/complete")
    refused(ask(port, *post, b"{}", {"Content-Type": "application/json"}), 415, "multipart")
    kind = {"Content-Type": "multipart/form-data"}
    refused(ask(port, *post, b"x", kind), 400, "Missing boundary")
    kind["Content-Type"] += "; boundary=cut"
    strange = {"Content-Type": f"{kind['Content-Type']}; charset=undefined"}
    named = (
        b'--cut\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n\r\n--cut--'
    )
    refused(ask(port, *post, named, strange), 400, "send its names in UTF-8")
    refused(ask(port, *post, b"x" * 99, kind), 400, "cannot be read")
    refused(ask(port, *post, b"x" * (LIMITS.bytes + 1), kind), 413, "the limit is 2,097,152")
    chunks = iter([b"x" * 2**16] * 40)  # without a Content-Length
    body = (b"--cut\r\n", b'Content-Disposition: form-data; name="image"; filename="a"\r\n\r\n')
    refused(ask(port, *post, iter([*body, *chunks]), kind), 413, "the limit is 2,097,152")
    for path in ("/../demo.py", "/pages/demo.html", "/demo.py", "/api/complete/x", "/%2e%2e/"):
        refused(ask(port, "GET", path), 404, "no such address: GET /api")
    refused(ask(port, "GET", "/api/complete"), 405, "no such address: GET /api")
    assert complete(port, **good)[0].status == 200


def test_other_sites_cannot_have_a_browser_ask(port):
    good = {"image": file_of(picture), "mask": file_of(hole)}
    own = {"Host": f"127.0.0.1:{port}", "Origin": f"http://127.0.0.1:{port}"}
    assert complete(port, own, **good)[0].status == 200
    assert ask(port, "GET", "/", headers={"Host": "our.example"})[0].status == 200
    assert ask(port, "GET", "/", headers={"Host": "[::1]:80"})[0].status == 200
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},  # a name that leads here
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[::1"},
        {"Host": ""},
    ):
        refused(complete(port, headers, **good), 403, "not the server's own")
    assert ask(port, "GET", "/", headers={"Host": "evil.example"})[0].status == 403


@pytest.mark.slow  # it starts three processes
def test_too_many_requests_and_too_long_ones_are_asked_to_come_again(monkeypatch):
    good = {"image": file_of(picture), "mask": file_of(hole)}
    with serving(LIMITS._replace(seconds=0.5, requests=1)) as (port, worker):
        os.kill(worker._process.pid, signal.SIGSTOP)  # it works, and works, and works
        with ThreadPoolExecutor(2) as clients:
            answers = list(clients.map(lambda _: complete(port, **good), range(2)))
        assert [response.status for response, _ in answers] == [503] * 2
        assert all(response.getheader("Retry-After") for response, _ in answers)
        assert sorted(json.loads(data)["error"] for _, data in answers) == [
            "the queue is full, at 1: try again soon",
            "this took more than 0.5 seconds: try a smaller hole",
        ]
        monkeypatch.setattr(worker, "_seconds", 60)
        assert complete(port, **good)[0].status == 200  # by the process after that one
        os.kill(worker._process.pid, signal.SIGKILL)  # as the system does when memory runs out
        refused(complete(port, **good), 503, "the process ended")
        assert complete(port, **good)[0].status == 200
    assert not worker._process.is_alive()
