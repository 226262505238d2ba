"""Compiled programs are kept in one folder for all, of bounded size; a word while one is made."""

import os
import threading
import time
import zlib
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from glcic_jax.complete.completer import make_complete_fn
from glcic_jax.runtime import distributed
from glcic_jax.runtime.compiled import announced, keep_compiled, least_memory, remove_oldest
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.distributed import compiled_together
from glcic_jax.train.step import make_train_step
from glcic_jax.types import Phase, TrainState


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """What keep_compiled sets, with the user's cache in tmp_path."""
    settings = {}
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("jax.config.update", settings.__setitem__)
    return settings


def test_programs_go_into_the_users_cache(kept, tmp_path):
    keep_compiled()
    folder = tmp_path / "glcic_jax" / "compiled"
    assert kept == {"jax_compilation_cache_dir": str(folder)}
    assert folder.is_dir()


def test_a_variable_moves_them(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "other"))
    keep_compiled()
    assert not kept  # JAX reads the variable by itself


def test_a_cache_that_cannot_be_made_does_no_harm(kept, tmp_path):
    (tmp_path / "glcic_jax").write_text("a file")
    keep_compiled()
    assert not kept


def test_a_part_of_a_program_is_removed(kept, tmp_path):
    keep_compiled()
    folder, whole = tmp_path / "glcic_jax" / "compiled", zlib.compress(bytes(999))
    contents = {"whole": whole, "cut": whole[:-3], "empty": b"", "other": b"another format"}
    for name, content in contents.items():
        (folder / f"{name}-cache").write_bytes(content)
    keep_compiled()
    names = {path.name for path in folder.iterdir()}
    assert names == {"whole-cache", "other-cache", "checked"}


def test_the_oldest_files_go_first(tmp_path):
    for age, name in enumerate(("new", "middle", "old")):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    (tmp_path / "folder").mkdir()
    remove_oldest(tmp_path, 300)
    assert len(list(tmp_path.iterdir())) == 4
    os.utime(tmp_path / "old", (2e9, 1e9))  # read since
    remove_oldest(tmp_path, 299)
    assert {path.name for path in tmp_path.iterdir()} == {"new", "old", "folder"}
    remove_oldest(tmp_path, 99)
    assert {path.name for path in tmp_path.iterdir()} == {"folder"}


def event(name):
    jax.monitoring.record_event(f"/jax/compilation_cache/{name}")


def compiled():
    jax.monitoring.record_event_duration_secs("/jax/core/compile/backend_compile_duration", 1.0)


def test_a_word_is_given_while_something_compiles_for_long():
    told, over = threading.Event(), threading.Event()
    with announced(told.set, patience=0.01, over=over.set):
        event("compile_requests_use_cache")
        assert told.wait(5)
        time.sleep(0.05)
        assert not over.is_set()
        compiled()
        assert over.is_set()
    told.clear()
    event("compile_requests_use_cache")  # nobody listens any more
    assert not told.wait(0.05)


def test_none_is_given_for_what_is_fast():
    told = threading.Event()
    with announced(told.set, patience=0.2, over=told.set):
        for _ in range(3):
            event("compile_requests_use_cache")
            compiled()
        assert not told.wait(0.4)


def test_jax_reports_by_these_names(tmp_path):
    """Compiles a program that a cache may hold, and waits for the word."""
    told = threading.Event()
    before = getattr(jax.config, "jax_compilation_cache_dir")  # noqa: B009 - pyright knows no flags
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    try:
        with announced(told.set, patience=0):
            jax.block_until_ready(jax.jit(lambda x: x * 7.25 + np.pi)(np.ones(13)))
            assert told.wait(5)
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def test_a_program_holds_the_kernel_of_one_layer_at_a_time():
    """Compiles layers whose kernels are transformed first, as in Winograd's method."""

    def through(x, matrix, kernels):
        for kernel in kernels:
            x = x @ (matrix @ kernel)
        return x

    matrix = np.ones((64, 64), np.float32)
    arguments = matrix[:1], matrix, [matrix] * 12
    held = []
    for options in (None, least_memory()):
        compiled = jax.jit(through, compiler_options=options).lower(*arguments).compile()
        held.append(compiled.memory_analysis().temp_size_in_bytes)
    assert held[1] < 2 * matrix.nbytes < 6 * matrix.nbytes < held[0]


def test_an_option_that_xla_lost_is_left_out(monkeypatch):
    lost = {"xla_cpu_no_such_option": "LEAST"}
    monkeypatch.setattr("glcic_jax.runtime.compiled.LEAST_MEMORY", lost)
    assert least_memory.__wrapped__() is None


def test_completing_is_compiled_with_these_options(monkeypatch):
    lost = {"xla_cpu_no_such_option": "LEAST"}
    monkeypatch.setattr("glcic_jax.complete.completer.least_memory", lambda: lost)
    method = SimpleNamespace(complete=lambda state, image, mask, key: image, networks=())
    complete = make_complete_fn(method, TrainState(np.int32(0), {}))  # pyright: ignore
    with pytest.raises(jax.errors.JaxRuntimeError, match="No such compile option"):
        complete(np.zeros((1, 8, 8, 3), np.float32), np.zeros((1, 8, 8, 1), np.float32))


def test_what_compiling_a_step_took_is_given_back_before_it_runs(monkeypatch):
    done = []
    monkeypatch.setattr(distributed, "give_back_memory", lambda: done.append("given back"))
    step = compiled_together(jax.jit(lambda x: x + 1), check=lambda: None)
    assert step(1) == 2
    assert step(2) == 3
    assert done == ["given back"]


def test_a_training_step_is_compiled_with_these_options(monkeypatch):
    lost = {"xla_cpu_no_such_option": "LEAST"}
    monkeypatch.setattr("glcic_jax.train.step.least_memory", lambda: lost)
    phase = Phase("one", 1, lambda state, batch, key: (state, {}), (), moves=())
    method = SimpleNamespace(phases=(phase,))
    step = make_train_step(method, make_mesh(jax.devices()[:1]), jax.random.key(0))  # pyright: ignore
    with pytest.raises(jax.errors.JaxRuntimeError, match="No such compile option"):
        step(TrainState(np.int32(0), {}), {"image": np.zeros((1, 8, 8, 3), np.uint8)})  # pyright: ignore


def test_what_completes_can_be_a_part_of_another_program():
    """On CPUs too, where JAX refuses options of a program within another."""
    method = SimpleNamespace(complete=lambda state, image, mask, key: 2 * image, networks=())
    complete = make_complete_fn(method, TrainState(np.int32(0), {}))  # pyright: ignore
    image, mask = np.ones((1, 8, 8, 3), np.float32), np.zeros((1, 8, 8, 1), np.float32)
    assert jax.jit(lambda image: complete(image, mask).sum())(image) == 2 * image.size
    assert jax.jit(lambda: complete(image, mask).sum())() == 2 * image.size
    slope = jax.grad(lambda image: complete(image, mask).sum())(image)
    np.testing.assert_array_equal(slope, 2 * image)
