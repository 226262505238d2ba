"""Files that the page's server answers: the photograph's own kind, masks, progress."""

import json
from io import BytesIO
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image, ImageCms

from glcic_jax.demo.jobs import completed_name
from tests.helpers.pictures import file_of
from tests.helpers.web import ask, complete, form, hole, picture, pixels_of, refused, serving

MASK = file_of(hole)


@pytest.fixture(scope="module")
def port():
    with serving() as (port, _):
        yield port


def send(port, where, **fields):
    body, kind = form(**fields)
    return ask(port, "POST", f"/api/{where}", body, {"Content-Type": kind})


def described(kind, **options):
    """Returns a photograph's file that holds more than its pixels."""
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return file_of(picture, kind, exif=exif, icc_profile=profile, **options), profile


def test_a_photograph_comes_back_in_its_own_kind_with_its_quality_exif_and_profile(port):
    sent, profile = described("JPEG", quality=71, subsampling=2)
    response, data = complete(port, image=sent, mask=MASK, kind="own")
    assert response.getheader("Content-Type") == "image/jpeg"
    before, after = Image.open(BytesIO(sent)), Image.open(BytesIO(data))
    assert after.quantization == before.quantization
    assert after.getexif()[0x010F] == "a camera"
    assert after.info["icc_profile"] == profile
    assert abs(len(data) / len(sent) - 1) < 0.3
    for kind, media in (("png", "png"), ("webp", "webp"), ("tiff", "tiff"), ("bmp", "bmp")):
        response, data = complete(port, image=sent, mask=MASK, kind=kind)
        assert response.getheader("Content-Type") == f"image/{media}"
        assert Image.open(BytesIO(data)).format == kind.upper()
    assert json.loads(response.getheader("Glcic-Remarks") or "") == [
        "BMP keeps no colour profile and no EXIF"
    ]
    refused(complete(port, image=sent, mask=MASK, kind="gif"), 400, "kind: give png or jpeg")


def test_transparency_and_16_bits_stay(port):
    alpha = np.full((60, 80, 1), 255, np.uint8)
    alpha[:10] = 7
    sent = file_of(np.concatenate([picture, alpha], axis=2))
    _, data = complete(port, image=sent, mask=MASK)
    completed = pixels_of(data)
    np.testing.assert_array_equal(completed[..., 3:], alpha)
    np.testing.assert_array_equal(completed[hole == 0][:, :3], picture[hole == 0])
    response, _ = complete(port, image=sent, mask=MASK, kind="jpeg")
    assert "laid on white" in (response.getheader("Glcic-Remarks") or "")
    deep = picture[..., 0].astype(np.uint16) * 257 + 3
    _, data = complete(port, image=file_of(deep), mask=MASK, kind="own")
    assert pixels_of(data).dtype in (np.uint16, np.int32)
    np.testing.assert_array_equal(pixels_of(data)[hole == 0], deep[hole == 0])


def test_a_jpeg_is_written_once_however_often_it_was_completed(port):
    sent, _ = described("JPEG", quality=80)
    _, first = complete(port, image=sent, mask=MASK)
    other = np.zeros_like(hole)
    other[5:15, 5:15] = 255
    _, second = complete(port, image=first, mask=file_of(other))
    response, saved = send(port, "save", image=sent, result=second)
    assert response.getheader("Content-Type") == "image/jpeg"
    assert Image.open(BytesIO(saved)).quantization == Image.open(BytesIO(sent)).quantization
    before, after = (pixels_of(data).astype(int) for data in (second, saved))
    assert np.abs(before - after).mean() < 3  # one loss, of this quality
    refused(send(port, "save", image=sent), 400, "send two files, image and result")
    small = file_of(picture[:9])
    refused(send(port, "save", image=sent, result=small), 400, "the result is 80x9 and the upright")


@pytest.mark.parametrize(
    ("name", "extension", "wanted"),
    [
        ("x.jpg", ".jpg", "x_completed.jpg"),
        ("x_completed.jpg", ".jpg", "x_completed.jpg"),
        ("x_completed_completed.png", ".png", "x_completed.png"),
        ("Holiday.JPEG", ".jpg", "Holiday_completed.JPEG"),
        ("x.jpg", ".png", "x_completed.png"),
        ("../../etc/passwd", ".png", "passwd_completed.png"),
        ("C:\\photos\\a b.tiff", ".tif", "a b_completed.tiff"),
        ("", ".png", "picture_completed.png"),
        ("..", ".png", "picture_completed.png"),
        ("_completed.png", ".png", "picture_completed.png"),
        ('Ä\n"<s>\u202e.jpg', ".jpg", "Äs_completed.jpg"),
        ("a" * 500 + ".jpg", ".jpg", "a" * 100 + "_completed.jpg"),
    ],
)
def test_names_of_completed_files(name, extension, wanted):
    assert completed_name(name, extension) == wanted


def test_the_answer_has_the_name(port):
    response, _ = complete(port, image=file_of(picture), mask=MASK)
    assert unquote(response.getheader("Glcic-Name") or "") == "passwd_completed.png"
    assert response.getheader("Content-Disposition") == (
        "attachment; filename*=UTF-8''passwd_completed.png"
    )


def test_a_mask_grows_by_pixels(port):
    image, mask = file_of(picture), np.zeros_like(hole)
    mask[30, 40] = 255
    for grow, count in ((0, 1), (3, 29)):
        _, data = complete(port, image=image, mask=file_of(mask), grow=str(grow))
        changed = (pixels_of(data) != picture).any(axis=2)
        distance = np.hypot(*(np.indices(mask.shape) - np.array([30, 40])[:, None, None]))
        assert not changed[distance > grow].any()
        assert np.count_nonzero(distance <= grow) == count
        assert np.count_nonzero(changed) > count // 2
    refused(complete(port, image=image, mask=MASK, grow="201"), 400, "from 0 to 200")
    refused(complete(port, image=image, mask=MASK, grow="200"), 400, "covers the whole picture")


def test_what_must_not_be_copied_goes_with_texture_and_fits(port):
    image = file_of(picture)
    refused(complete(port, image=image, mask=MASK, avoid=MASK), 400, "avoid is for texture")
    small = file_of(hole[:9])
    answer = complete(port, image=image, mask=MASK, avoid=small, texture="1")
    refused(answer, 400, "the mask avoid is 80x9 and the upright picture 80x60")


def test_methods_have_labels_and_a_line_each(port):
    _, data = ask(port, "GET", "/api/methods")
    answer = json.loads(data)
    assert answer["methods"][0]["label"] == "Fast fill"
    assert all(method["about"].startswith("for ") for method in answer["methods"])
    assert answer["limits"]["grow"] == 200


def test_progress_of_a_request_that_is_not_there_is_unknown(port):
    _, data = ask(port, "GET", "/api/status?job=abc")
    assert json.loads(data) == {
        "state": "unknown", "done": None, "total": None, "ahead": 0, "text": "",
        "compiling": False,
    }  # fmt: skip
    refused(ask(port, "GET", "/api/status?job=a%20b"), 400, "job: give 1 to 64 letters")
    refused(complete(port, image=file_of(picture), mask=MASK, job=""), 400, "job: give 1 to 64")


def test_clicks_select_a_thing(port):
    image = np.full((60, 80, 3), (205, 200, 190), np.uint8)
    image[20:40, 30:60] = (180, 40, 30)
    marks = [{"inside": True, "points": [[45, 30]]}]
    response, data = send(port, "select", image=file_of(image), marks=json.dumps(marks))
    assert response.getheader("Content-Type") == "image/png"
    np.testing.assert_array_equal(pixels_of(data) > 0, image[..., 1] < 100)
    assert set(np.unique(pixels_of(data))) == {0, 255}
    outside = {"inside": False, "points": [[45, 30]]}
    for sent, message in [
        ("", "give a list of 1 to 64"),
        ("[]", "give a list of 1 to 64"),
        ("[" * 100_000, "give a list of 1 to 64"),
        (json.dumps(marks * 65), "give a list of 1 to 64"),
        (json.dumps([outside]), "one at least must be inside"),
        (json.dumps([{"inside": 1, "points": [[1, 2]]}]), "each has inside and points"),
        (json.dumps([{"inside": True, "points": [[1, 2]] * 5000}]), "at most 4,096 points"),
        (json.dumps([{"inside": True, "points": [[1, "2"]]}]), "a point is"),
        ('[{"inside": true, "points": [[1, NaN]]}]', "a point is"),
        ('[{"inside": true, "points": [[1, 1e999]]}]', "a point is"),
        (f'[{{"inside": true, "points": [[1, {"9" * 4000}]]}}]', "a point is"),
        (json.dumps([{**marks[0], "width": -1}]), "a width is above 0"),
        (json.dumps([{"inside": True, "points": [[80, 2]]}]), "80,2 is not in the picture"),
    ]:
        refused(send(port, "select", image=file_of(image), marks=sent), 400, message)
    refused(send(port, "select", marks=json.dumps(marks)), 400, "send a file, image")


@pytest.mark.slow  # the texture fill is compiled
def test_another_seed_copies_other_texture_and_nothing_of_what_is_to_be_avoided(port):
    noise = np.random.default_rng(3).integers(0, 60, (64, 96, 3)).astype(np.uint8)
    noise[:, 48:] += 150  # bright on the right, and not to be copied
    middle, right = np.zeros((2, 64, 96), np.uint8)
    middle[24:40, 30:46] = 255
    right[:, 48:] = 255
    fields = {"image": file_of(noise), "mask": file_of(middle), "texture": "1"}
    pictures = [
        pixels_of(complete(port, **fields, avoid=file_of(right), seed=seed)[1])
        for seed in ("0", "0", "1")
    ]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[0] != pictures[2]).any()
    for completed in pictures:
        assert completed[middle > 0].max() < 150
