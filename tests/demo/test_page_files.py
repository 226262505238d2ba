"""Photographs into the web page and out of it again, in a real browser."""

import time
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.helpers.demo_page import (
    CTRL,
    choose,
    click,
    completed,
    drag,
    get,
    is_off,
    key,
    open_photo,
    pixels,
    set_value,
    status_shows,
    text_of,
)
from tests.helpers.pictures import file_of, photograph

pytestmark = pytest.mark.slow  # a browser and a server
PHOTOGRAPHER = 0x013B  # EXIF's "Artist"


def arrive(tab, folder, do):
    """Does what downloads a file, and returns it once it is whole."""
    folder.mkdir(exist_ok=True)
    tab.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    do()
    end = time.monotonic() + 30
    while not (found := [path for path in folder.iterdir() if path.suffix != ".crdownload"]):
        assert time.monotonic() < end, text_of(tab, "status")
        time.sleep(0.05)
    return found[0]


def ready(tab, path):
    open_photo(tab, path)
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    completed(tab)


def test_a_jpeg_comes_back_as_a_jpeg_with_its_exif_and_its_size(tab, tmp_path):
    exif = Image.Exif()
    exif[PHOTOGRAPHER] = "Ada"
    path = tmp_path / "shot.jpg"
    path.write_bytes(file_of(photograph(1, 240, 320), "JPEG", quality=85, exif=exif))
    ready(tab, path)
    found = arrive(tab, tmp_path / "downloads", lambda: click(tab, "download"))
    assert found.name == "shot_completed.jpg"
    with Image.open(found) as picture:
        assert picture.format == "JPEG"
        assert picture.getexif()[PHOTOGRAPHER] == "Ada"
    assert 0.5 < found.stat().st_size / path.stat().st_size < 2
    status_shows(tab, "shot_completed.jpg is downloaded")


def test_a_png_keeps_its_transparency_and_every_pixel_that_was_not_painted(tab, tmp_path):
    image = np.dstack([photograph(2, 240, 320), np.full((240, 320), 255, np.uint8)])
    image[:40, :, 3] = 0
    path = tmp_path / "cut_completed.png"
    path.write_bytes(file_of(image))
    ready(tab, path)
    found = arrive(tab, tmp_path / "downloads", lambda: key(tab, "s", CTRL))
    assert found.name == "cut_completed.png"  # not ..._completed_completed.png
    result = np.asarray(Image.open(found))
    np.testing.assert_array_equal(result[:90], image[:90])
    assert (result[110:130] != image[110:130]).any()


def test_it_can_be_downloaded_in_another_kind(tab, photo, tmp_path):
    ready(tab, photo)
    set_value(tab, "kind", "webp")
    found = arrive(tab, tmp_path / "a", lambda: click(tab, "download"))
    assert found.name == "rock_completed.webp"
    with Image.open(found) as picture:
        assert picture.format == "WEBP"
    set_value(tab, "kind", "png")
    found = arrive(tab, tmp_path / "b", lambda: click(tab, "download"))
    np.testing.assert_array_equal(np.asarray(Image.open(found)), pixels(tab, "photo"))


def test_without_a_result_there_is_nothing_to_download_and_no_link_stays_behind(tab, photo):
    links = "[...document.querySelectorAll('a')].map((link) => link.getAttribute('href'))"
    assert is_off(tab, "download")
    open_photo(tab, photo)
    assert is_off(tab, "download")
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    completed(tab)
    assert not is_off(tab, "download")
    click(tab, "undo")
    assert is_off(tab, "download")
    assert set(tab.evaluate(links)) == {"api"}


def test_what_is_downloaded_can_be_left_without_a_question(tab, photo, tmp_path):
    leave = "!dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    ready(tab, photo)
    assert tab.evaluate(leave)
    arrive(tab, tmp_path / "downloads", lambda: click(tab, "download"))
    status_shows(tab, "is downloaded")
    assert not tab.evaluate(leave)
    click(tab, "undo")
    click(tab, "undo")
    assert tab.evaluate(leave) is False  # it is as it was opened


def test_the_picture_is_copied_to_the_clipboard(tab, photo, site):
    origin = f"http://127.0.0.1:{site.port}"
    tab.send("Browser.grantPermissions", origin=origin,
             permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])  # fmt: skip
    ready(tab, photo)
    key(tab, "c", CTRL)
    status_shows(tab, "is copied to the clipboard")
    script = "navigator.clipboard.read().then(([item]) => item.getType('image/png'))"
    script += ".then((blob) => blob.arrayBuffer()).then((data) => [...new Uint8Array(data)])"
    reply = tab.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
    copied = np.asarray(Image.open(BytesIO(bytes(reply["result"]["value"]))).convert("RGB"))
    np.testing.assert_array_equal(copied, pixels(tab, "photo"))


def test_several_photographs_stand_in_a_list_each_with_its_own_work(tab, tmp_path):
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for number, path in enumerate(paths):
        path.write_bytes(file_of(photograph(number, 60, 80)))
    (tmp_path / "notes.txt").write_text("no picture")
    choose(tab, "open", *paths, tmp_path / "notes.txt")
    status_shows(tab, "opened 3 of 3 photographs; 1 other file is no picture")
    names = "[...document.querySelectorAll('#photos .label')].map((label) => label.textContent)"
    assert tab.evaluate(names) == ["a.png", "b.png", "c.png"]
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    key(tab, "PageDown")
    tab.wait("document.getElementById('name').textContent.startsWith('b.png')")
    assert is_off(tab, "complete")
    notes = "[...document.querySelectorAll('#photos .state')].map((note) => note.textContent)"
    assert tab.evaluate(notes) == ["painted", "", ""]
    key(tab, "PageUp")
    tab.wait("document.getElementById('name').textContent.startsWith('a.png')")
    completed(tab)
    assert tab.evaluate(notes)[0] == "completed"
    drawn = "(canvas => canvas.getContext('2d').getImageData(99, 70, 1, 1).data[3])"
    tab.wait(f"{drawn}(document.querySelector('#photos canvas')) === 255")  # its small picture


ARRIVE = """
(async () => {{
  const data = new DataTransfer();
  const canvas = new OffscreenCanvas(80, 60);
  canvas.getContext("2d").fillRect(0, 0, 80, 60);
  data.items.add(new File([await canvas.convertToBlob()], "new.png", {{type: "image/png"}}));
  dispatchEvent({});
}})()
"""


@pytest.mark.parametrize(
    "event",
    [
        "new DragEvent('drop', {dataTransfer: data, cancelable: true})",
        "new ClipboardEvent('paste', {clipboardData: data})",
    ],
    ids=["drop", "paste"],
)
def test_photographs_are_dropped_and_pasted(tab, event):
    tab.evaluate(ARRIVE.format(event))
    tab.wait("document.getElementById('name').textContent.startsWith('new.png')")
    status_shows(tab, "80 x 60 pixels: paint over what should go")
    assert get(tab, "empty", "hidden")


def test_of_several_files_those_that_cannot_be_shown_are_named(tab, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    (tmp_path / "b.png").write_bytes(file_of(photograph(1, 60, 80)))
    choose(tab, "open", tmp_path / "b.png", tmp_path / "a.png")
    status_shows(tab, "opened 1 of 2 photographs; a.png: this file cannot be shown")
    assert text_of(tab, "name").startswith("b.png")


def test_a_folder_is_opened_as_a_list(site, tmp_path):
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(file_of(photograph(number, 60, 80)))
    (tmp_path / "notes.txt").write_text("no picture")
    with site.page() as tab:  # phones have no folders to open
        assert get(tab, "folder", "webkitdirectory")
        choose(tab, "folder", tmp_path)
        status_shows(tab, "opened 2 of 2 photographs; 1 other file is no picture")


def test_pictures_that_are_too_large_are_refused_before_they_are_sent(tab, tmp_path):
    (tmp_path / "wide.png").write_bytes(file_of(np.zeros((101, 20_000), np.uint8)))
    choose(tab, "open", tmp_path / "wide.png")
    status_shows(tab, "wide.png has more than 2,000,000 pixels")
    (tmp_path / "long.png").write_bytes(file_of(photograph(1, 9, 9)) + b"0" * 2**21)
    choose(tab, "open", tmp_path / "long.png")
    status_shows(tab, "long.png is larger than 2,097,152 bytes")
    assert not get(tab, "empty", "hidden")
