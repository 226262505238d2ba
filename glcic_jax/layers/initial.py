"""Makes a module's initial variables without compiling a generator for each of its arrays.

A CPU compiles some 50 ms for each array that a program fills with random numbers, seven seconds for
GLCIC's networks. Here one small program draws the bits of all arrays, and NumPy makes numbers of
them. They are those of `module.init`, bit for bit: a seed means the same weights.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, PRNGKeyArray

DRAWN = 2**16
"""Numbers that are drawn at once. Arrays of more take several draws, which continue each other."""

FOLDED = 64
"""Arrays whose keys are made at once."""

Path = tuple[str, ...]
"""Names of a module and of those that it lies in, the outermost first."""

_recorders: list[list[tuple[Any, "Uniform"]]] = []


class Uniform:
    """Makes initial weights from uniform random numbers; a Flax initializer.

    Attributes:
      initializer: makes an array of a key, a shape and a dtype.
      scaled: makes the same float32 array, of numbers in [0, 1) that have its shape.
    """

    def __init__(
        self,
        initializer: nn.initializers.Initializer,
        scaled: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.initializer, self.scaled = initializer, scaled

    def __call__(self, key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        """Makes the array, and notes that `initial_variables` can make it."""
        made = self.initializer(key, shape, dtype)
        if _recorders and dtype == jnp.float32:
            _recorders[-1].append((made, self))
        return made


def initial_variables(module: nn.Module, key: PRNGKeyArray, *inputs: Array) -> dict[str, Any]:
    """Returns what `module.init(key, *inputs)` returns, the same bit for bit.

    Args:
      module: a Flax module. What a Uniform initializes is drawn here, if the key is of the "rbg"
        kind; all else is computed as Flax computes it.
      key: as `module.init` takes it.
      inputs: examples of what the module takes.
    """
    if isinstance(key, Tracer):  # only shapes are asked for, or a program is made
        return jax.jit(module.init)(key, *inputs)
    draws: list[tuple[Path, int, tuple[int, ...], Uniform] | None] = []
    structure = jax.tree.structure(None)

    def rest(key: PRNGKeyArray, *inputs: Array) -> list[Array]:
        nonlocal structure
        with _recording() as recorded:
            variables = module.init(key, *inputs)
        if jax.random.key_impl(key) != "rbg":
            recorded.clear()
        by_array = {id(made): uniform for made, uniform in recorded}
        structure = jax.tree.structure(variables)
        places = {id(leaf): (path, number) for path, number, leaf in _places(variables["params"])}
        leaves, kept = jax.tree.leaves(variables), []
        draws.clear()
        for leaf in leaves:
            uniform = by_array.get(id(leaf))
            draws.append((*places[id(leaf)], leaf.shape, uniform) if uniform else None)
            if uniform is None:
                kept.append(leaf)
        return kept

    others = iter(jax.jit(rest)(key, *inputs))
    wanted = [draw for draw in draws if draw]
    drawn = iter(_drawn(key, wanted))
    leaves = [jax.device_put(next(drawn)) if draw else next(others) for draw in draws]
    return jax.tree.unflatten(structure, leaves)


@contextmanager
def _recording() -> Iterator[list[tuple[Any, Uniform]]]:
    """Notes in a list all arrays that a Uniform makes."""
    _recorders.append([])
    try:
        yield _recorders[-1]
    finally:
        _recorders.pop()


def _places(
    variables: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], int, Any]]:
    """Lists parameters, in Flax's order: their module's path, their number in it, themselves."""
    number = 0
    for name, value in variables.items():
        if isinstance(value, dict):
            yield from _places(value, (*path, name))
        else:
            number += 1
            yield path, number, value


def _drawn(key: PRNGKeyArray, draws: list) -> Iterator[np.ndarray]:
    """Makes the arrays."""
    if not draws:
        return
    # Flax folds a hash of a parameter's place into the key.
    hashes = np.array([_hash(path, number) for path, number, *_ in draws], np.uint32)
    states = np.concatenate(
        [_folded(key, hashes[start : start + FOLDED]) for start in range(0, len(hashes), FOLDED)]
    )
    for state, (_, _, shape, uniform) in zip(states, draws, strict=True):
        bits = _bits(state, int(np.prod(shape))).reshape(shape)
        # As jax.random.uniform does: 23 bits become the mantissa of a number from 1 to 2.
        yield uniform.scaled((bits >> 9 | np.float32(1).view(np.uint32)).view(np.float32) - 1)


def _folded(key: PRNGKeyArray, hashes: np.ndarray) -> np.ndarray:
    """Folds up to FOLDED numbers into a key, each by itself: one program for all networks."""
    filled = np.zeros(FOLDED, np.uint32)
    filled[: len(hashes)] = hashes
    return np.asarray(_fold(key, filled))[: len(hashes)]


@jax.jit
def _fold(key: PRNGKeyArray, numbers: Array) -> Array:
    return jax.random.key_data(jax.vmap(jax.random.fold_in, (None, 0))(key, numbers))


def _hash(path: Path, number: int) -> int:
    """Returns Flax's hash of the place of a parameter (flax.core.scope, as of 0.12)."""
    digest = hashlib.sha1()
    for name in path:
        digest.update(name.encode())
    digest.update(number.to_bytes((number.bit_length() + 7) // 8, "big"))
    return int.from_bytes(digest.digest()[:4], "big")


def _bits(state: np.ndarray, count: int) -> np.ndarray:
    """Draws uint32 numbers from the generator of "rbg" keys."""
    drawn = []
    for _ in range(-(-count // DRAWN)):
        state, bits = _draw(state)
        drawn.append(np.asarray(bits))
    return np.concatenate(drawn)[:count]


@jax.jit
def _draw(state: Array) -> tuple[Array, Array]:
    """Returns the generator's next state and DRAWN numbers."""
    return tuple(jax.lax.rng_bit_generator(state, (DRAWN,)))
