"""A user study for the tests of its server and its command."""

import pytest

from tests.helpers.study import serving, write_folders


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Returns folders of real and of completed pictures: eight scenes in both."""
    return write_folders(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def server(folders, tmp_path):
    with serving(folders, tmp_path / "answers.csv") as server:
        yield server
