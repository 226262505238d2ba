"""Keeps the programs that complete pictures whole, so that later starts need not trace them again.

JAX finds a compiled program of an earlier process only after it has traced and lowered the function
again, which takes twice as long as to load the program. Here the name of a kept program follows
from what goes into it: the sources, the versions, the machine, the shapes.
"""

import hashlib
import io
import os
import pickle
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import serialize_executable
from jax.experimental.compilation_cache import compilation_cache

from glcic_jax.runtime.compiled import COMPILES, MOST_BYTES, remove_oldest, users_folder
from glcic_jax.runtime.disk import write_whole

SOURCES = (
    "types.py",
    "layers",
    "methods",
    "texture",
    "complete/any_size.py",
)
"""Files and folders of the package that the programs are traced from."""

DIGEST = 32
"""Bytes of the SHA-256 that a file begins with."""

LIBRARIES = ("jax", "jaxlib", "numpy")
"""Packages whose classes a kept program is described by."""

SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_numpy_dtype_promotion",
    "jax_threefry_partitionable",
    "jax_debug_nans",
)
"""Settings of JAX that change what it makes of a function."""

_lock = threading.Lock()
_programs: dict[str, Callable] = {}


def program(
    function: jax.stages.Wrapped, arguments: tuple, result: Any, about: str, **static: Any
) -> Callable:
    """Returns the compiled program of a jitted function for arguments like these.

    It is read from the folder where programs are kept, or compiled and kept there; who can write
    there decides what runs, as with the machine code in JAX's own files. Where there is no such
    folder, it lasts as long as the process.

    Args:
      function: what it does follows from SOURCES, `about`, `static` and the arguments' shapes.
      arguments: arrays of the shapes and types that the program is for, in containers.
      result: anything with the containers of the result, such as (0, 0).
      about: names the program and every number in it that is neither in SOURCES nor in `static`.
      static: arguments by name that the program is compiled for.

    Returns:
      A function of such arguments.
    """
    shapes = [(np.shape(leaf), str(leaf.dtype)) for leaf in jax.tree.leaves(arguments)]
    inside, out = jax.tree.structure((arguments, {})), jax.tree.structure(result)
    settings = [getattr(jax.config, name) for name in SETTINGS]
    described = repr((about, sorted(static.items()), shapes, str(inside), str(out), settings))
    name = hashlib.sha256((_surroundings() + described).encode()).hexdigest()
    with _lock:
        if name not in _programs:
            folder = _folder()
            if folder is None:
                _programs[name] = function.lower(*arguments, **static).compile()
            else:
                path = folder / f"{name}-program"
                found = _read(path, inside, out)
                _programs[name] = found or _compiled(path, function, arguments, static)
        return _programs[name]


def _folder() -> Path | None:
    """Returns the folder where programs are kept; None where there is none to write in.

    It is the folder where JAX keeps compiled programs, or the user's own, in which commands keep
    theirs. With jax_enable_compilation_cache off nothing is kept.
    """
    config: Any = jax.config
    if not config.jax_enable_compilation_cache:
        return None
    named = config.jax_compilation_cache_dir
    if not named:
        return users_folder()
    return Path(named) if os.access(named, os.W_OK) else None


@cache
def _surroundings() -> str:
    """Returns what programs follow from besides their own shapes and numbers."""
    root = Path(__file__).parents[1]
    sources = hashlib.sha256()
    for entry in SOURCES:
        for path in sorted((root / entry).rglob("*.py")) or [root / entry]:
            sources.update(path.read_bytes())
    device = jax.devices()[0]
    settings = sorted(item for item in os.environ.items() if item[0].startswith(("JAX_", "XLA_")))
    machine = device.platform, device.device_kind, jax.device_count(), _processor()
    versions = jax.__version__, version("jaxlib")
    return repr((sources.hexdigest(), versions, machine, settings))


def _processor() -> str:
    """Returns what the processor can do: a home folder may be shared by several machines."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith(("flags", "Features")):
                return f"{platform.machine()} {line}"
    return f"{platform.machine()} {platform.processor()}"


def _read(path: Path, inside: Any, out: Any) -> Callable | None:
    """Returns the program in a file; None where there is none, or not a whole one."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    payload = data[DIGEST:]
    try:
        if hashlib.sha256(payload).digest() != data[:DIGEST]:
            raise ValueError("a part of a file")
        _Names(io.BytesIO(payload)).load()
        return serialize_executable.deserialize_and_load(
            payload, inside, out, execution_devices=jax.local_devices()[:1]
        )
    except Exception:  # whatever is wrong with a file, the program is compiled anew
        with suppress(OSError):
            path.unlink()
        return None


def _compiled(
    path: Path, function: jax.stages.Wrapped, arguments: tuple, static: dict[str, Any]
) -> Callable:
    """Compiles a program and keeps it, if that is possible."""
    with _without_cache():
        lowered = function.lower(*arguments, **static)
        jax.monitoring.record_event(COMPILES)
        compiled = lowered.compile()
    with suppress(OSError, ValueError, NotImplementedError):
        payload, _, _ = serialize_executable.serialize(compiled)
        write_whole(path, hashlib.sha256(payload).digest() + payload)
        if path.parent == users_folder():  # another one is for JAX's variables to limit
            remove_oldest(path.parent, MOST_BYTES)
    return compiled


@contextmanager
def _without_cache() -> Iterator[None]:
    """Compiles without JAX's own files, out of which a program cannot be written again.

    Nor does a program keep from which lines it comes, which would be a good part of it.
    """
    settings = {"jax_enable_compilation_cache": False, "jax_traceback_in_locations_limit": 0}
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


class _Names(pickle.Unpickler):
    """Reads which classes a file names, without making anything: raises where others are named.

    It finds files of another kind. It is no defence against who can write to the folder.
    """

    def find_class(self, module: str, name: str) -> type:
        if module.partition(".")[0] not in LIBRARIES or "." in name:
            raise pickle.UnpicklingError(f"{module}.{name} in a compiled program")
        return _Nothing

    def persistent_load(self, pid: Any) -> "_Nothing":
        return _Nothing()


class _Nothing:
    """Stands for an object of any class."""

    def __new__(cls, *_: Any, **__: Any) -> "_Nothing":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass
