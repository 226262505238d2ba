"""What a first hour on a GPU measures; none is measured here."""

from functools import partial
from inspect import signature

from benchmarks.gpu_day import cells


def test_workers_take_what_the_cells_give_them():
    made = [(name, make) for name, make, _ in cells(96)]
    assert sum("completion, 512" in name for name, _ in made) == 2
    for _, make in made:
        signature(make).bind()  # of a partial that has an argument too many there is none
    assert sum(isinstance(make, partial) for _, make in made) == len(made) - 1
