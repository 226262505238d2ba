"""No command leaves a picture out in silence; files that are not pictures are passed over."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_jax.complete.pairing import plan
from glcic_jax.data.sources import SOURCES
from glcic_jax.evaluate.examples import Examples
from glcic_jax.masks.files import MaskFiles
from glcic_jax.pictures.left_out import UNREAD, LeftOut, is_picture
from glcic_jax.prepare import entries
from glcic_jax.prepare.layouts import LAYOUTS
from glcic_jax.prepare.plan import make_plan
from glcic_jax.runtime.errors import UserError
from glcic_jax.user_study.pictures import Pictures

NOT_PICTURES = ["Thumbs.db", "desktop.ini", ".DS_Store", "._a.png", "x.txt", "README", "a.mp4"]
UNREADABLE = ["i.jxl", "j.JXL", "k.xcf", "l.gif", "m.CR2", "n.psd", "o.pdf", "p.jp2", "q.svg"]
COUNTS = "1 .cr2, 1 .gif, 1 .jp2, 2 .jxl, 1 .pdf, 1 .psd, 1 .svg, 1 .xcf left out"


def save(path, value=255):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((16, 16, 3), np.uint8)
    image[4:8, 4:8] = value
    Image.fromarray(image).save(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Goes to a folder with `pictures` and `masks` of the same names."""
    for name in ("a.png", "b.png"):
        save(tmp_path / "pictures" / name)
        save(tmp_path / "masks" / name)
    monkeypatch.chdir(tmp_path)
    entries._log_once.cache_clear()
    return tmp_path


def trained_on():
    split = SOURCES["folder"]("pictures", held_out=0.5, min_edge=1, max_bad_fraction=0)
    return split.train.names + split.held_out.names


def prepared():
    def listing():
        return LAYOUTS["folder"]("pictures")

    make_plan(listing, shards=1, train_share=0.5)
    return [entry.name for entry in listing()]  # listed twice, as in preparing


def completed(pattern):
    jobs, failures = plan(Path(pattern), Path("masks/a.png"), Path("out"))
    assert not failures
    return [job.image.relative_to("pictures").as_posix() for job in jobs]


COMMANDS = {
    "train": trained_on,
    "evaluate": lambda: Examples(Path("pictures"), "center").names,
    "prepare": prepared,
    "complete a folder": lambda: completed("pictures"),
    "complete a pattern": lambda: completed("pictures/*"),
    "complete a pattern of all folders": lambda: completed("pictures/**"),
    "rate": lambda: Pictures(Path("pictures"), Path("masks")).counts[:1],
    "draw masks from files": lambda: MaskFiles(folder="pictures", flip=False).names,
}

READ_SHARDS = ("train", "evaluate")


@pytest.mark.parametrize("command", COMMANDS)
def test_files_that_are_not_pictures_are_passed_over(here, command, caplog):
    before = sorted(COMMANDS[command]())
    for name in NOT_PICTURES:
        (here / "pictures" / name).write_bytes(b"\0\5\x16\7")
    assert sorted(COMMANDS[command]()) == before
    assert not caplog.messages


@pytest.mark.parametrize("command", COMMANDS)
def test_pictures_that_cannot_be_read_are_counted_in_one_line(here, command, caplog):
    before = sorted(COMMANDS[command]())
    for name in UNREADABLE:
        (here / "pictures" / name).write_bytes(b"anything")
    assert sorted(COMMANDS[command]()) == before
    (line,) = caplog.messages
    assert re.match(rf".*pictures.*: {re.escape(COUNTS)}", line)
    assert "\n" not in line


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_of_nothing_else_is_refused_with_their_number(here, command):
    for name in ("a.png", "b.png"):
        (here / "pictures" / name).rename(here / "pictures" / f"{name[0]}.jxl")
    with pytest.raises(UserError, match=r"no (pictures|masks|picture has).*\.jxl") as refusal:
        COMMANDS[command]()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in READ_SHARDS])
def test_shards_are_named_for_what_they_are(here, command, caplog):
    before = sorted(COMMANDS[command]())
    (here / "pictures/train-00000-of-00001.array_record").touch()
    assert sorted(COMMANDS[command]()) == before
    (line,) = caplog.messages
    assert "pictures" in line
    assert "1 .array_record left out: shards; training and evaluate --data read" in line
    for name in ("a.png", "b.png"):
        (here / "pictures" / name).unlink()
    with pytest.raises(UserError, match=r"1 \.array_record left out: shards") as refusal:
        COMMANDS[command]()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_shards_in_a_folder_further_down_are_named_too(here, command):
    for name in ("a.png", "b.png"):
        (here / "pictures" / name).unlink()
    (here / "pictures/prepared").mkdir()
    (here / "pictures/prepared/train-00000-of-00001.array_record").touch()
    with pytest.raises(UserError, match="1 .array_record left out: .* the folder that holds them"):
        COMMANDS[command]()


def test_masks_that_cannot_be_read_are_counted_too(here, caplog):
    (here / "masks/a.png").rename(here / "masks/a.gif")
    jobs, failures = plan(Path("pictures"), Path("masks"), Path("out"))
    assert [job.image.name for job in jobs] == ["b.png"]
    assert failures == ["pictures/a.png: masks holds no mask a.* or a_mask.*"]
    assert caplog.messages == [
        "masks: 1 .gif left out: not read from folders, convert to PNG or JPEG"
    ]
    with pytest.raises(UserError, match="holds no mask a"):
        Examples(Path("pictures"), "masks")
    assert "--masks masks: 1 .gif left out" in caplog.messages[-1]


def test_complete_names_folders_that_it_does_not_search(here, caplog):
    save(here / "pictures/deep/c.png")
    assert completed("pictures") == ["a.png", "b.png"]
    assert caplog.messages == ['pictures: folders in it are not searched (1): "**/*" would do it']
    assert completed("pictures/**/*") == ["a.png", "b.png", "deep/c.png"]


# Links -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_loops_and_links_to_folders_are_not_followed(here, command, caplog):
    before = sorted(COMMANDS[command]())
    (here / "pictures/up").symlink_to(here / "pictures")
    (here / "pictures/more").symlink_to("..")
    (here / "pictures/self").symlink_to("self")
    save(here / "elsewhere/c.png")
    (here / "pictures/linked").symlink_to(here / "elsewhere")
    assert sorted(COMMANDS[command]()) == before
    (line,) = caplog.messages
    assert line.endswith("pictures: links to folders are not followed (3)") or "pictures/*" in line


def test_links_to_files_and_a_linked_root_are_taken(here):
    save(here / "elsewhere/c.png")
    (here / "pictures/c.png").symlink_to(here / "elsewhere/c.png")
    (here / "pictures").rename(here / "real")
    (here / "pictures").symlink_to(here / "real")
    for name, command in COMMANDS.items():
        if name != "rate":
            assert sorted(command()) == ["a.png", "b.png", "c.png"], name
    assert COMMANDS["rate"]() == (3,)
    assert completed("pictures/c*") == ["c.png"]


def test_a_broken_link_is_a_picture_that_cannot_be_read(here):
    (here / "pictures/c.png").symlink_to(here / "gone.png")
    assert trained_on().count("c.png") == 1
    assert completed("pictures") == completed("pictures/*.png") == ["a.png", "b.png", "c.png"]
    with pytest.raises(UserError, match=r"c\.png: No such file"):
        examples = Examples(Path("pictures"), "center")
        list(examples.batches(1))


def test_pictures_by_ending():
    left_out = LeftOut()
    assert is_picture("a.b.JPG", left_out)
    assert not any(is_picture(f"a{ending.upper()}", left_out) for ending in UNREAD)
    assert not any(is_picture(name, left_out) for name in ("jpg", "png", "a.jpg.txt", "jxl", ""))
    assert set(left_out.endings) == UNREAD
    assert set(left_out.endings.values()) == {1}
