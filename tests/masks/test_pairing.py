import unicodedata

from glcic_jax.masks.pairing import own_masks


def test_names_pair_whatever_the_order_of_the_files():
    pictures = ["1.jpg", "2.jpg", "10.jpg"]  # sorted as text 10 comes before 2
    assert own_masks(pictures, ["10.png", "1.png", "2.png"]).found == {
        "1.jpg": "1.png",
        "2.jpg": "2.png",
        "10.jpg": "10.png",
    }
    found, problems = own_masks(pictures, ["001.png", "002.png", "010.png"])
    assert not found
    assert problems["10.jpg"] == "holds no mask 10.* or 10_mask.*"


def test_a_masks_own_name_goes_before_a_longer_one():
    masks = ["cat.png", "cat_mask.png", "dog_mask001.png", "deep/cow_mask.webp"]
    assert own_masks(["cat.jpg", "dog.png", "deep/cow.jpg", "cat_mask.tif"], masks).found == {
        "cat.jpg": "cat.png",
        "dog.png": "dog_mask001.png",
        "deep/cow.jpg": "deep/cow_mask.webp",
        "cat_mask.tif": "cat_mask.png",
    }


def test_several_masks_for_a_picture_are_named():
    found, problems = own_masks(
        ["a.jpg", "b.jpg"], ["a_mask001.png", "a_mask002.png", "b.png", "b.tif"]
    )
    assert not found
    assert problems == {
        "a.jpg": "holds 2 masks for it (a_mask001.png, a_mask002.png): keep one",
        "b.jpg": "holds 2 masks for it (b.png, b.tif): keep one",
    }


def test_folders_belong_to_the_name():
    assert not own_masks(["a/cat.jpg"], ["b/cat.png", "cat.png"]).found


def test_letters_written_in_two_ways_are_the_same():
    picture = unicodedata.normalize("NFC", "caf\u00e9.jpg")
    mask = unicodedata.normalize("NFD", "caf\u00e9_mask.png")
    assert own_masks([picture], [mask]).found == {picture: mask}
    assert own_masks([mask], [picture]).found == {}
