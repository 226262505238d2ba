"""Files are pictures by their endings, whoever gave them: .jfif and .jpe of Windows, capitals."""

import numpy as np
import pytest
from PIL import Image

from glcic_jax.complete import __main__ as command
from glcic_jax.complete.pairing import plan
from glcic_jax.data.sources import folder
from glcic_jax.evaluate.examples import Examples
from glcic_jax.pictures.decode import decode, write_picture
from glcic_jax.prepare.layouts import LAYOUTS
from glcic_jax.user_study.pictures import Pictures

NAMES = ["a.jfif", "b.JFIF", "c.jpe", "d.JPG", "e.PNG", "f.TIFF", "g.WebP", "h.jpg"]
KINDS = {"jfif": "JPEG", "jpe": "JPEG", "jpg": "JPEG", "tiff": "TIFF"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Goes to a folder with `pictures` and `masks`, of all endings."""
    for name in NAMES:
        kind = name.split(".")[1].lower()
        for place, value in (("pictures", 99), ("masks", 255)):
            image = np.zeros((16, 16, 3), np.uint8)
            image[4:8, 4:8] = value
            path = tmp_path / place / (name if place == "pictures" else f"{name[0]}.PNG")
            path.parent.mkdir(exist_ok=True)
            saved = KINDS.get(kind, kind.upper()) if place == "pictures" else "PNG"
            Image.fromarray(image).save(path, saved)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_takes_all_endings(here):
    pictures = here / "pictures"
    split = folder(str(pictures), held_out=0.5, min_edge=1, max_bad_fraction=0)
    assert sorted(split.train.names + split.held_out.names) == NAMES
    assert [entry.name for entry in LAYOUTS["folder"](pictures)] == NAMES
    assert Examples(pictures, str(here / "masks")).names == NAMES
    assert Pictures(pictures, here / "masks").counts == (8, 8)
    jobs, failures = plan(pictures, here / "masks", here / "out")
    assert [job.output.name for job in jobs] == NAMES
    assert not failures


@pytest.mark.parametrize("name", NAMES)
def test_a_completion_is_of_its_pictures_kind(here, monkeypatch, name):
    monkeypatch.setattr(command, "load_completer", lambda args: lambda image, mask, **_: image)
    flags = ["--image", f"pictures/{name}", "--mask", f"masks/{name[0]}.PNG"]
    assert command.main([*flags, "--output", f"out/{name}"]) == 0
    with Image.open(f"out/{name}") as written, Image.open(f"pictures/{name}") as source:
        assert written.format == source.format


@pytest.mark.parametrize("ending", [".jfif", ".jpe", ".JFIF"])
def test_pictures_are_written_under_these_endings(tmp_path, ending):
    image = np.full((9, 12, 3), 77, np.uint8)
    write_picture(tmp_path / f"a{ending}", image)
    assert (tmp_path / f"a{ending}").read_bytes().startswith(b"\xff\xd8\xff")
    np.testing.assert_array_equal(decode(tmp_path / f"a{ending}"), image)
