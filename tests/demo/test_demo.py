"""The web page's server as friends meet it."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from glcic_jax.demo.api import PAGES
from glcic_jax.methods.procedural.fills import FILLS
from tests.helpers.pictures import file_of, photograph
from tests.helpers.web import LIMITS, ask, complete, hole, picture, pixels_of, refused, serving


@pytest.fixture(scope="module")
def port():
    with serving() as (port, _):
        yield port


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


def test_its_status_is_whether_something_compiles(port):
    _, data = ask(port, "GET", "/api/status")
    assert json.loads(data) == {"compiling": False}


def test_the_pages_load_nothing_from_elsewhere(port):
    files = [f"/{path.name}" for path in PAGES.iterdir() if path.suffix in (".js", ".css")]
    assert len(files) > 20
    for path in ("/", "/api", *files):
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
