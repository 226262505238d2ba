import pickle

import cv2
import numpy as np

from glcic_jax.pictures.decode import decode_bytes, encode
from glcic_jax.prepare.duplicates import HeldOut, difference_hash, fingerprint
from tests.helpers.pictures import photograph


def held_out(count=50):
    known = HeldOut()
    for number in range(count):
        known.add(f"{number}.jpg", fingerprint(f"{number}".encode(), photograph(number)))
    return known


def test_the_same_file_is_exact():
    assert held_out().twin(fingerprint(b"7", photograph(7))) == ("7.jpg", "exact")


def test_a_copy_scaled_and_compressed_is_near():
    known = pickle.loads(pickle.dumps(held_out()))
    for number in range(50):
        small = cv2.resize(photograph(number), (42, 30), interpolation=cv2.INTER_AREA)
        copy = decode_bytes(encode(small, ".jpg"), "")
        assert known.twin(fingerprint(b"copy", copy)) == (f"{number}.jpg", "near")


def test_other_pictures_are_neither():
    known = held_out()
    for number in range(50, 300):
        assert known.twin(fingerprint(b"other", photograph(number))) is None


def test_blank_pictures_share_a_hash_and_are_told_apart():
    white, black = (np.full((40, 40, 3), value, np.uint8) for value in (255, 0))
    prints = [fingerprint(bytes([n]), image) for n, image in enumerate((white, black))]
    assert difference_hash(prints[0].thumbnail) == difference_hash(prints[1].thumbnail) == 0
    known = HeldOut()
    known.add("white.png", prints[0])
    assert known.twin(prints[1]) is None
    assert known.twin(prints[0]._replace(file=b"else")) == ("white.png", "near")


def test_nothing_held_out_has_no_twins():
    assert HeldOut().twin(fingerprint(b"", photograph(0))) is None


def test_the_hash_says_where_brightness_rises():
    rising = np.broadcast_to(np.arange(9, dtype=np.uint8), (8, 9))
    assert difference_hash(rising) == 2**64 - 1
    assert difference_hash(rising[:, ::-1]) == 0
