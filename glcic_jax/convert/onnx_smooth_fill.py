"""Writes the smooth fill of layers/smooth_fill.py as nodes of an ONNX model."""

import numpy as np

from glcic_jax.convert.onnx_graph import Graph
from glcic_jax.layers.smooth_fill import ALIGNMENT, COARSEST_SWEEPS, HALVINGS, RELAXATION, SWEEPS


def add_smooth_fill(graph: Graph, image: str, mask: str) -> str:
    """Adds a smooth fill for pictures of any size, in float32.

    The number of levels and sweeps is fixed, so the sweeps stand in the model one after the other:
    many programs that run ONNX have no loops. What the picture holds inside holes is not read.

    Args:
      graph: takes the nodes.
      image: the name of [b, 3, h, w] in [0, 1].
      mask: the name of [b, 1, h, w], 1 = hole.

    Returns:
      The name of the filled picture, [b, 3, h, w].
    """
    zero = graph.constant(0)
    size = graph.add("Shape", image, start=2)
    padded, holes = (_mirrored(graph, x, size) for x in (image, mask))
    known = graph.add("Not", graph.add("Greater", holes, zero))
    # Average known colours, from fine to coarse. Unknown cells are 0 on all levels.
    colour = graph.add("Where", known, padded, zero)
    share = graph.add("Cast", known, to=graph.onnx.TensorProto.FLOAT)
    levels = [(colour, known)]
    quarter = graph.constant(1 / 4)
    for _ in range(HALVINGS):
        colour, share = (
            graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
            for x in (colour, share)
        )
        colour = graph.add("Div", colour, graph.add("Max", share, quarter))
        known = graph.add("Greater", share, zero)
        share = graph.add("Cast", known, to=graph.onnx.TensorProto.FLOAT)
        levels.append((colour, known))
    # Fill unknown cells, from coarse to fine.
    relax = _Relaxation(graph)
    colour, known = levels.pop()
    filled = relax(colour, known, graph.constant(0.5), COARSEST_SWEEPS)
    doubled = graph.constant([1, 1, 2, 2])
    for colour, known in reversed(levels):
        start = graph.add(
            "Resize", filled, "", doubled,
            mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric",
        )  # fmt: skip
        filled = relax(colour, known, start, SWEEPS)
    starts, axes = graph.constant([0, 0], np.int64), graph.constant([2, 3], np.int64)
    cropped = graph.add("Slice", filled, starts, size, axes)
    return graph.add("Where", graph.add("Greater", mask, zero), cropped, image)


class _Relaxation:
    """Adds sweeps; see `_relax` in layers/smooth_fill.py.

    A sweep is a convolution of each colour by itself, with the cells at the edge repeated.
    """

    def __init__(self, graph: Graph) -> None:
        neighbour = RELAXATION / 4
        cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) * neighbour
        cross[1, 1] = 1 - RELAXATION
        self._graph = graph
        self._cross = graph.constant(np.broadcast_to(cross, (3, 1, 3, 3)))
        self._pads = graph.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)

    def __call__(self, colour: str, known: str, start: str, sweeps: int) -> str:
        """Adds `sweeps` sweeps on one level, and returns the name of what comes out."""
        add = self._graph.add
        x = add("Where", known, colour, start)
        for _ in range(sweeps):
            wide = add("Pad", x, self._pads, mode="edge")
            x = add("Where", known, colour, add("Conv", wide, self._cross, group=3))
        return x


def _mirrored(graph: Graph, x: str, size: str) -> str:
    """Adds rows and columns up to multiples of ALIGNMENT; see `pad_to_multiple`.

    ONNX's own mirroring stops after one picture's length, which is not enough for small pictures.
    """

    def whole(value: int) -> str:
        return graph.constant(value, np.int64)

    zero, one, alignment = whole(0), whole(1), whole(ALIGNMENT)
    for axis in (0, 1):
        length = graph.add("Gather", size, whole(axis))
        missing = graph.add("Mod", graph.add("Neg", length), alignment)
        places = graph.add("Range", zero, graph.add("Add", length, missing), one)
        last = graph.add("Sub", length, one)
        period = graph.add("Max", graph.add("Add", last, last), one)
        place = graph.add("Mod", places, period)
        inside = graph.add("Less", place, length)
        place = graph.add("Where", inside, place, graph.add("Sub", period, place))
        x = graph.add("Gather", x, place, axis=axis + 2)
    return x
