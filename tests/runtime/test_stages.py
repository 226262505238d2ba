"""Stages of work, and who listens to them."""

import threading

import numpy as np

from glcic_jax.complete.large_pictures import fill_windows
from glcic_jax.runtime.stages import listening, stage


def test_a_listener_hears_what_its_own_thread_does_while_it_listens():
    heard = []

    def listener(*what):
        heard.append(what)

    stage("before")
    with listening(listener):
        stage("filling", 1, 2)
        other = threading.Thread(target=stage, args=["elsewhere"])
        other.start()
        other.join()
        with listening(lambda *_: None):
            stage("within")
        stage("blending")
    stage("after")
    assert heard == [("filling", 1, 2), ("blending", None, None)]


def test_a_large_picture_is_filled_part_by_part():
    image = np.zeros((40, 3000, 3), np.uint8)
    hole = np.zeros((40, 3000), bool)
    hole[10:20, 100:2900] = True
    heard = []
    with listening(lambda *what: heard.append(what)):
        fill_windows(image, hole, 64, 32, lambda part, _: part)
    assert len(heard) > 2
    assert heard == [("filling", i + 1, len(heard)) for i in range(len(heard))]
