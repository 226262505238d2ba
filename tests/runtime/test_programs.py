"""Programs that complete pictures are kept whole: found without tracing, and never half of one."""

import pickle
import re
import subprocess
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.runtime import programs
from glcic_jax.runtime.programs import program


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where programs are kept, none of them in this process's memory."""
    monkeypatch.setattr(programs, "_folder", lambda: tmp_path)
    monkeypatch.setattr(programs, "_programs", {})
    return tmp_path


@pytest.fixture
def made(folder, monkeypatch):
    """The files of the programs that were compiled."""
    files, compiled = [], programs._compiled

    def counted(path, *arguments):
        files.append(path)
        return compiled(path, *arguments)

    monkeypatch.setattr(programs, "_compiled", counted)
    return files


@partial(jax.jit, static_argnames="power")
def function(x, power):
    return {"sum": jnp.sum(x**power), "twice": 2 * x}


X = np.arange(5, dtype=np.float32)


def result_of(x=X, about="a test", power=2):
    return program(function, (x,), {"sum": 0, "twice": 0}, about, power=power)(x)


def forget():
    programs._programs.clear()


def test_other_settings_of_jax_take_another_program(folder, made):
    result_of()
    with jax.default_matmul_precision("highest"):
        result_of()
    assert len(made) == 2


def test_what_programs_are_traced_from_is_among_the_sources():
    """But for what runs before or after them: errors, devices and other parts of `runtime`."""
    package = Path(programs.__file__).parents[1]
    folders = [package / entry for entry in programs.SOURCES]
    files = [
        path for entry in folders for path in (entry.rglob("*.py") if entry.is_dir() else [entry])
    ]
    for path in files:
        for module in re.findall(r"^ *(?:from|import) glcic_jax\.([\w.]+)", path.read_text(), re.M):
            part = package.joinpath(*module.split("."))
            known = any(part.is_relative_to(entry.with_suffix("")) for entry in folders)
            assert known or module.startswith("runtime."), f"{path}: {module}"


def test_a_kept_program_is_found(folder, made):
    first = result_of()
    assert made == list(folder.iterdir())
    forget()
    again = result_of()
    assert len(made) == 1
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert float(again["sum"]) == 30


def test_each_number_that_matters_has_its_own(folder):
    for change in ({}, {"about": "another"}, {"power": 3}, {"x": X[:4]}, {"x": X.astype(np.int32)}):
        result_of(**change)
    assert len(list(folder.iterdir())) == 5


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda _: b"", lambda data: data[1:]])
def test_a_damaged_one_is_made_anew(made, damage):
    result_of()
    (path,) = made
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    forget()
    assert float(result_of()["sum"]) == 30 and len(made) == 2
    assert len(path.read_bytes()) > len(whole) // 2


def test_a_file_that_names_something_else_is_not_opened(folder, monkeypatch):
    called = []
    monkeypatch.setattr(subprocess, "call", called.append)

    class Harmful:
        def __reduce__(self):
            return subprocess.call, ("anything",)

    harmful = pickle.dumps(Harmful())
    result_of()
    (path,) = folder.iterdir()
    path.write_bytes(programs.hashlib.sha256(harmful).digest() + harmful)
    forget()
    assert float(result_of()["sum"]) == 30 and not called


def test_a_folder_that_cannot_be_written_does_no_harm(folder, monkeypatch):
    monkeypatch.setattr(programs, "_folder", lambda: folder / "absent")
    assert float(result_of()["sum"]) == 30
    monkeypatch.setattr(programs, "_folder", lambda: None)
    forget()
    assert float(result_of()["sum"]) == 30 and not list(folder.iterdir())


def test_jax_keeps_its_own_programs_afterwards(folder):
    before = jax.config.jax_enable_compilation_cache
    result_of()
    assert jax.config.jax_enable_compilation_cache == before


@pytest.fixture
def own_settings():
    """Restores JAX's settings after a test that changes them."""
    names = "jax_enable_compilation_cache", "jax_compilation_cache_dir"
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_python_code_keeps_programs_in_the_users_folder(tmp_path, monkeypatch, own_settings):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(programs, "_programs", {})
    jax.config.update("jax_compilation_cache_dir", None)
    result_of()
    assert len(list((tmp_path / "glcic_jax/compiled").glob("*-program"))) == 1
    assert jax.config.jax_compilation_cache_dir is None


def test_jax_can_be_forbidden_to_keep_programs(own_settings):
    jax.config.update("jax_enable_compilation_cache", False)
    assert programs._folder() is None
