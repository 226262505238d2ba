"""Names that programs stumble over: spaces, brackets, percent signs, dashes, Unicode's forms."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_jax.complete import __main__ as command
from glcic_jax.complete.pairing import plan
from glcic_jax.data.shards import shards
from glcic_jax.data.sources import folder
from glcic_jax.evaluate.examples import Examples
from glcic_jax.prepare.__main__ import main as prepare
from glcic_jax.runtime.errors import UserError
from glcic_jax.user_study.pictures import Pictures
from tests.helpers.pictures import photograph

ODD = "a [1] 100% {x} %s"
NAMES = [
    "#q?&<b>.jpg",
    "--two dashes.JPG",
    "-dash.jpg",
    "100%s.jpg",
    "[1].jpg",
    "photo[1].jpg",
    "~.jpg",
]


def save(path):
    """Writes a mask, which does for a picture too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((24, 24, 3), np.uint8)
    image[4:8, 4:8] = 255
    Image.fromarray(image).save(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Goes to a folder with pictures and masks of odd names; the network gives pictures back."""
    for number, name in enumerate(NAMES):
        path = tmp_path / ODD / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(photograph(number, 24, 24)).save(path)
        save(tmp_path / "masks [2]" / f"{Path(name).stem}_mask.png")
    monkeypatch.setattr(command, "load_completer", lambda args: lambda image, mask, **_: image)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("image", [ODD, f"{ODD}/*", f"{ODD}/*.[jJ][pP][gG]", "a*/**/*"])
def test_complete(here, image):
    flags = ["--image", image, "--mask", "masks [2]", "--output", "out [1] %d"]
    assert command.main(flags) == 0
    assert sorted(path.name for path in Path("out [1] %d").iterdir()) == NAMES


def test_a_single_picture(here, monkeypatch):
    monkeypatch.chdir(ODD)
    for name in NAMES:
        flags = [f"--image={name}", f"--mask=../masks [2]/{Path(name).stem}_mask.png"]
        assert command.main([*flags, f"--output=../-out {name}"]) == 0
        assert Path(f"../-out {name}").exists()


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*[1].jpg", ["photo1.jpg", "[1].jpg", "photo[1].jpg"]),
        ("[1].*", ["[1].jpg"]),
        ("photo[1-3].jpg", ["photo1.jpg"]),
        ("photo[!1].jpg", []),
        ("photo?1?.jpg", ["photo[1].jpg"]),
        ("100%?.jpg", ["100%s.jpg"]),
        ("-*", ["--two dashes.JPG", "-dash.jpg"]),
    ],
)
def test_brackets_in_a_pattern_also_stand_for_themselves(here, pattern, found):
    save(here / ODD / "photo1.jpg")
    if not found:
        with pytest.raises(UserError, match="no picture has such a name"):
            plan(Path(ODD, pattern), Path("masks [2]"), Path("out"))
        return
    for base in (Path(ODD), here / ODD):
        jobs, _ = plan(base / pattern, Path("masks [2]/~_mask.png"), Path("out"))
        assert [job.image for job in jobs] == sorted(base / name for name in found)


def test_a_pattern_finds_letters_that_unicode_writes_in_two_ways(here):
    for form, other in (("NFC", "NFD"), ("NFD", "NFC")):
        name = unicodedata.normalize(form, f"M\u00fcller {form}.jpg")
        save(here / "mixed" / name)
        pattern = unicodedata.normalize(other, f"mixed/M\u00fcl*{form}*")
        jobs, _ = plan(Path(pattern), Path("masks [2]/~_mask.png"), Path("out"))
        assert [job.image.name for job in jobs] == [name]


def test_evaluate_and_training(here):
    examples = Examples(Path(ODD), "masks [2]")
    assert examples.names == NAMES
    assert sum(len(batch) for batch in examples.batches(3)) == len(NAMES)
    Path("list [1].txt").write_text("-dash.jpg\r\n#q?&<b>.jpg\r\n[1].jpg\r\n--two dashes.JPG\r\n")
    split = folder(ODD, held_out="list [1].txt", min_edge=1, max_bad_fraction=0)
    assert split.held_out.names == ["#q?&<b>.jpg", "--two dashes.JPG", "-dash.jpg", "[1].jpg"]
    assert split.train[0].shape == (24, 24, 3)


def test_prepare(here):
    flags = ["--source", ODD, "--output", "shards [0:1] %d", "--size", "24", "--workers", "1"]
    assert prepare([*flags, "--split", "0.5"]) == 0
    assert prepare(["--verify", "shards [0:1] %d"]) == 0
    split = shards("shards [0:1] %d", min_edge=1, max_bad_fraction=0)
    assert len(split.train) + len(split.held_out) == len(NAMES)
    assert split.train[0].shape == (24, 24, 3)


# Shared stems ------------------------------------------------------------------------------------


def test_two_pictures_of_one_stem_both_take_their_mask(here):
    save(here / "two/a.jpg")
    save(here / "two/a.png")
    save(here / "own/a_mask.png")
    jobs, failures = plan(Path("two"), Path("own"), Path("out"))
    assert [(job.image.name, job.mask.name) for job in jobs] == [
        ("a.jpg", "a_mask.png"),
        ("a.png", "a_mask.png"),
    ]
    assert not failures
    assert Examples(Path("two"), "own").names == ["a.jpg", "a.png"]
    with pytest.raises(UserError, match=r"out/a\.png would be the completion of 2 pictures"):
        plan(Path("two"), Path("own"), Path("out"), ".png")


def test_two_masks_of_one_stem_are_named(here):
    save(here / "two/a.jpg")
    save(here / "own/a.png")
    save(here / "own/a.jpg")
    jobs, failures = plan(Path("two"), Path("own"), Path("out"))
    assert not jobs
    assert failures == ["two/a.jpg: own holds 2 masks for it (a.jpg, a.png): keep one"]
    with pytest.raises(UserError, match="own holds 2 masks for it"):
        Examples(Path("two"), "own")


def test_a_study_names_pictures_that_it_never_shows(here, caplog):
    cafe, mac = (unicodedata.normalize(form, "Caf\u00e9") for form in ("NFC", "NFD"))
    for name in (f"{cafe}.jpg", "a.jpg", "a.png"):
        save(here / "real" / name)
    for name in (f"{mac}.png", "a.jpg"):
        save(here / "completed" / name)
    study = Pictures(Path("real"), Path("completed"))
    assert len(study) == 2
    assert caplog.messages == ["--real real: a.png is never shown: a.jpg goes before it"]
