"""Gives every test of preparing a collection, and the folder that it is prepared in."""

import pytest

from tests.helpers.pictures import make_collection


@pytest.fixture
def source(tmp_path):
    return make_collection(tmp_path / "source")


@pytest.fixture
def output(tmp_path):
    return tmp_path / "output"
