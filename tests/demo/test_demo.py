"""The web page: its server as friends and as enemies meet it, and the page in a real browser."""

import json
import os
import re
import signal
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from glcic_jax.methods.procedural.fills import FILLS
from glcic_jax.runtime.errors import UserError
from tests.helpers.pictures import photograph

NEEDED = "the web page's packages are missing: pip install -r requirements-demo.txt"
for package in ("starlette", "uvicorn", "python_multipart"):
    pytest.importorskip(package, reason=NEEDED)

from glcic_jax.demo import filling  # noqa: E402
from glcic_jax.demo import server as web  # noqa: E402
from glcic_jax.demo.api import Limits  # noqa: E402
from glcic_jax.demo.worker import Worker  # noqa: E402

ROOT = Path(__file__).parents[2]
LIMITS = Limits(bytes=2 * 2**20, pixels=2_000_000, seconds=60, requests=5)
picture = photograph(0, 60, 80)
hole = np.zeros((60, 80), np.uint8)
hole[20:35, 30:50] = 255
hole[50:, 70:] = 255


def file_of(array, kind="PNG", **options):
    file = BytesIO()
    Image.fromarray(array).save(file, kind, **options)
    return file.getvalue()


def pixels_of(data):
    return np.asarray(Image.open(BytesIO(data)))


def form(**fields):
    """A form's body and its kind; bytes are files."""
    parts = b""
    for name, value in fields.items():
        head = f'--cut\r\nContent-Disposition: form-data; name="{name}"'
        head += '; filename="../../etc/passwd"' if isinstance(value, bytes) else ""
        content = value if isinstance(value, bytes) else value.encode()
        parts += head.encode() + b"\r\n\r\n" + content + b"\r\n"
    return parts + b"--cut--\r\n", "multipart/form-data; boundary=cut"


@contextmanager
def serving(limits=LIMITS, specs=()):
    worker = Worker(list(specs), most_pixels=limits.pixels, seconds=limits.seconds)
    with web.listen("127.0.0.1", 0) as listening:
        running = web.make_server(web.make_app(worker, limits, ["our.example"]))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1], worker
        finally:
            running.should_exit = True
            thread.join()
            worker.close()


@pytest.fixture(scope="module")
def served():
    with serving() as both:
        yield both


@pytest.fixture
def port(served):
    return served[0]


def ask(port, method, path, body=None, headers=None):
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response, data


def complete(port, headers=None, **fields):
    body, kind = form(**fields)
    return ask(port, "POST", "/api/complete", body, {"Content-Type": kind, **(headers or {})})


def refused(answer, status, message):
    response, data = answer
    assert response.status == status, data
    assert re.search(message, json.loads(data)["error"]), data


@pytest.mark.parametrize("method", ["telea", "navier_stokes", "laplace"])
def test_what_is_known_comes_back_bit_for_bit_and_the_rest_as_the_method_fills_it(port, method):
    response, png = complete(port, image=file_of(picture), mask=file_of(hole), method=method)
    assert (response.status, response.getheader("Content-Type")) == (200, "image/png")
    assert response.getheader("Cache-Control") == "no-store"
    completed = pixels_of(png)
    np.testing.assert_array_equal(completed[hole == 0], picture[hole == 0])
    # Shown the whole picture, which the server does not do.
    whole = FILLS[method](np.float32(picture[None] / 255), np.float32(hole[None, ..., None] > 0))
    np.testing.assert_array_equal(completed, np.rint(whole[0] * 255))


def test_it_lists_its_methods_and_limits(port):
    _, data = ask(port, "GET", "/api/methods")
    answer = json.loads(data)
    assert [method["name"] for method in answer["methods"]] == ["telea", "navier_stokes", "laplace"]
    assert all(method["step"] is None and not method["blends"] for method in answer["methods"])
    assert answer["limits"]["pixels"] == LIMITS.pixels
    _, page = ask(port, "GET", "/api")
    assert f"http://127.0.0.1:{port}/api/complete".encode() in page
    assert b"2,097,152 bytes" in page
    assert not re.search(rb"\[[A-Z]+\]", page)


def test_the_pages_load_nothing_from_elsewhere(port):
    for path in ("/", "/demo.css", "/demo.js", "/strokes.js", "/api"):
        response, page = ask(port, "GET", path)
        assert response.status == 200
        outside = re.findall(rb"https?://[^/\s\"<]+", page)
        assert set(outside) <= {b"http://127.0.0.1:%d" % port}
        policy = response.getheader("Content-Security-Policy") or ""
        assert policy.startswith("default-src 'self'")


def test_fifty_requests_of_four_clients_at_once(port):
    def request(number):
        image = photograph(number, 48, 40 + number)
        mask = np.zeros(image.shape[:2], np.uint8)
        mask[number % 30 :, 10:20] = 255
        response, png = complete(port, image=file_of(image), mask=file_of(mask))
        return response.status, np.array_equal(pixels_of(png)[mask == 0], image[mask == 0])

    with ThreadPoolExecutor(4) as clients:
        assert list(clients.map(request, range(50))) == [(200, True)] * 50


@pytest.mark.parametrize("orientation", range(2, 9))
def test_photographs_are_completed_upright(port, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    jpeg = file_of(picture, "JPEG", exif=exif, quality=95)
    upright = np.asarray(Image.open(BytesIO(file_of(picture, "JPEG", quality=95))))
    turned = {
        2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: np.rot90(upright, -1),
        7: np.rot90(upright, 2).swapaxes(0, 1), 8: np.rot90(upright),
    }[orientation]  # fmt: skip
    mask = np.zeros(turned.shape[:2], np.uint8)
    mask[3:9, 5:40] = 255
    response, png = complete(port, image=jpeg, mask=file_of(mask))
    assert response.status == 200
    difference = np.abs(pixels_of(png).astype(int) - turned)[mask == 0]
    assert difference.max() <= 2  # two decoders of JPEG
    if turned.shape != picture.shape:
        refused(complete(port, image=jpeg, mask=file_of(hole)), 400, "80x60 .* upright .* 60x80")


def test_colours_keep_their_profile(port):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = file_of(picture, "JPEG", icc_profile=profile)
    _, png = complete(port, image=image, mask=file_of(hole))
    assert Image.open(BytesIO(png)).info["icc_profile"] == profile


def bomb():
    """A PNG of 20 billion pixels in a few hundred bytes."""
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
    refused(complete(port, **good, postprocess="maybe"), 400, "give 1 or 0")
    refused(complete(port, image=good["image"]), 400, "send two files")
    refused(complete(port, image="/etc/passwd", mask=good["mask"]), 400, "send two files")
    refused(complete(port, **good, more=b"1"), 400, "cannot be read: Too many files")
    refused(complete(port, **good, a="1", b="2", c="3"), 400, "cannot be read: Too many fields")
    refused(complete(port, **good, method="a" * 2_000_000), 400, "cannot be read: Part exceeded")
    post = ("POST", "/api/complete")
    refused(ask(port, *post, b"{}", {"Content-Type": "application/json"}), 415, "multipart")
    kind = {"Content-Type": "multipart/form-data"}
    refused(ask(port, *post, b"x", kind), 400, "Missing boundary")
    kind["Content-Type"] += "; boundary=cut"
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
