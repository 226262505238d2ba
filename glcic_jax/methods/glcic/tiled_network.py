"""Runs a trained completion network tile by tile: one program for pictures of all sizes."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.ops import NORM_EPSILON
from glcic_jax.layers.tiles import (
    Box,
    Canvas,
    Extent,
    canvas,
    covering,
    inner_convolution,
    inner_deconvolution,
    over_tiles,
    quotient,
)
from glcic_jax.methods.glcic.table2 import (
    DECONVOLUTION,
    OUTPUTS,
    Form,
    layers,
    shortcuts,
)
from glcic_jax.types import Image

TILE = 64
"""Edge of the tiles of the picture, in pixels; those of halved pictures are halved too.

Heights and widths of the arrays that hold pictures are multiples of it.
"""

CAPACITIES = (256, 512, 1024)
"""Edges, in pixels, of the arrays that programs are made for."""

NARROW = 32
"""The largest width of networks whose programs may have the largest arrays: 0.5 GB of features.
Twice as wide, it would be 1 GB, where a program for the very size takes a part of that."""

Variables = Mapping[str, Any]
"""The parameters or the running statistics of a network."""


class Layer(NamedTuple):
    """Holds a layer as `over_tiles` takes it.

    Attributes:
      apply: makes a tile out of its window.
      features: channels of the result.
      halo: pixels that it looks beyond a tile.
      down: factor by which it shrinks pictures.
      up: factor by which it enlarges them.
    """

    apply: Callable[[Array], Array]
    features: int
    halo: int
    down: int = 1
    up: int = 1


def capacities(width: int) -> tuple[int, ...]:
    """Returns the edges of the arrays that suit a network of this width."""
    return CAPACITIES if width <= NARROW else CAPACITIES[:-1]


def run_in_tiles(
    form: Form,
    params: Variables,
    batch_stats: Variables,
    x: Float[Array, "1 H W 4"],
    extent: Extent,
    needed: Box,
) -> Image:
    """Does what CompletionNetwork does in inference, for one picture at the top left of an array.

    Its time follows what is needed and the layers' reach around that, not the picture.

    Args:
      form: describes the network; the arithmetic is float32.
      params: of the network.
      batch_stats: of the network; empty if it has no batch norm.
      x: as `completion_input` makes it; H and W are multiples of TILE.
      extent: the picture's height and width, multiples of STRIDE.
      needed: the part of the picture that is wanted.

    Returns:
      As that network, at the place of what is needed in [1, H, W, 3]. What stands elsewhere has no
      meaning.
    """
    table = layers(form.dilated_layers)
    built = {name: _hidden(form, name, row, params, batch_stats) for name, row in table.items()}
    built["17"] = _last(form, params["layer17"]["conv"])
    added = shortcuts(form.dilated_layers) if form.adds else {}
    margins, free = _margins(built), _free(built, added)
    around, covered = _around(built, added), covering(extent, TILE)
    results: dict[str, Canvas] = {}
    result, edge = canvas(x, extent, margins[TILE]), TILE
    for name, layer in built.items():
        edge = edge // layer.down * layer.up
        result = over_tiles(
            layer.apply,
            result,
            features=layer.features,
            halo=layer.halo,
            edge=edge,
            margin=margins[edge],
            down=layer.down,
            up=layer.up,
            added=results.get(added.get(name, "")),
            into=results.get(free.get(name, "")),
            tiles=_tiles(needed, around[name], covered),
        )
        results[name] = result
    margin = result.margin
    return result.values[:, margin:-margin, margin:-margin]


def _margins(built: Mapping[str, Layer]) -> dict[int, int]:
    """Returns, by the edge of their tiles, the margins of canvases: what any layer looks beyond."""
    margins, edge = {}, TILE
    for layer in built.values():
        margins[edge] = max(margins.get(edge, 0), layer.halo)
        edge = edge // layer.down * layer.up
    return margins


def _around(built: Mapping[str, Layer], added: Mapping[str, str]) -> dict[str, int]:
    """Returns how many pixels of the picture around what is needed each layer's result is."""
    names, edge, sizes = list(built), TILE, {}
    for name, layer in built.items():
        edge = edge // layer.down * layer.up
        sizes[name] = TILE // edge  # of a pixel of the result, in pixels of the picture
    around = dict.fromkeys(names, 0)
    for before, name in reversed(list(pairwise(names))):
        size = sizes[before]
        looked = built[name].halo * size + max(sizes[name] - size, 0)
        around[before] = max(around[before], around[name] + looked)
        if name in added:
            around[added[name]] = max(around[added[name]], around[name])
    return around


def _tiles(box: Box, around: int, covered: Box) -> Box:
    """Returns the tiles in which a part of the picture lies with what is around it.

    They are the same ones at each size that the layers shrink the picture to.
    """
    rows, columns = (
        (
            quotient(jnp.maximum(first - around, 0), TILE),
            jnp.minimum(quotient(end + around + TILE - 1, TILE), most),
        )
        for (first, end), (_, most) in zip(box, covered, strict=True)
    )
    return rows, columns


def _free(built: Mapping[str, Layer], added: Mapping[str, str]) -> dict[str, str]:
    """Returns, for layers that may have the memory of an earlier one's result, that one's name.

    It has as many channels at the same size, and no other layer reads it afterwards.
    """
    names, edge, shapes = list(built), TILE, {}
    for name, layer in built.items():
        edge = edge // layer.down * layer.up
        shapes[name] = (edge, layer.features)
    last = dict(pairwise(names)) | {kept: by for by, kept in added.items()}
    free, taken = {}, set()
    for at, name in enumerate(names):
        for earlier in names[:at]:
            fits = shapes[earlier] == shapes[name] and earlier not in taken
            if fits and names.index(last[earlier]) < at:
                free[name] = earlier
                taken.add(earlier)
                break
    return free


def _hidden(
    form: Form,
    name: str,
    row: tuple[str, int, Mapping[str, int]],
    params: Variables,
    batch_stats: Variables,
) -> Layer:
    """Returns one of the layers 1 to 16 with its batch norm and ReLU."""
    kind, _, options = row
    own = params[f"layer{name}"]
    after = _norm_relu(form, params.get(f"norm{name}"), batch_stats.get(f"norm{name}"))
    if kind == DECONVOLUTION:
        kernel, bias = own["kernel"], own["bias"]
        deconvolve = inner_deconvolution(kernel)
        return Layer(lambda x: after(deconvolve(x) + bias), len(bias), halo=1, up=2)
    stride, dilation = options.get("stride", 1), options.get("dilation", 1)
    kernel, bias = own["conv"]["kernel"], own["conv"]["bias"]
    convolve = inner_convolution(kernel, stride, dilation)
    return Layer(
        lambda x: after(convolve(x) + bias),
        len(bias),
        halo=dilation * (len(kernel) - 1) // 2,
        down=stride,
    )


def _last(form: Form, own: Variables) -> Layer:
    """Returns layer 17 with the network's last function."""
    output, kernel, bias = OUTPUTS[form.output], own["kernel"], own["bias"]
    convolve = inner_convolution(kernel)
    return Layer(
        lambda x: output(convolve(x) + bias),
        len(bias),
        halo=(len(kernel) - 1) // 2,
    )


def _norm_relu(
    form: Form, params: Variables | None, stats: Variables | None
) -> Callable[[Array], Array]:
    """Returns batch norm by running statistics, and ReLU, in the network's order."""
    if params is None or stats is None:
        return _relu
    spread = lax.rsqrt(stats["norm"]["var"] + NORM_EPSILON) * params["norm"]["scale"]
    shift = params["norm"]["bias"] - stats["norm"]["mean"] * spread
    if form.relu_first:
        return lambda x: _relu(x) * spread + shift
    return lambda x: _relu(x * spread + shift)


def _relu(x: Array) -> Array:
    return jnp.maximum(x, 0)
