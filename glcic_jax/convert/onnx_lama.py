"""Exports LaMa's network as an ONNX model of any size. Needs the package onnx.

ONNX has an operator for Fourier transforms, which many programs lack or run slowly. Here they are
products with matrices of cosines and sines, which the model makes once from the picture's size.
"""

from typing import Any, NamedTuple

import numpy as np

from glcic_jax.convert.onnx_graph import Graph, require_onnx, serialized
from glcic_jax.convert.pytorch_layout import transposed
from glcic_jax.layers.ops import NORM_EPSILON
from glcic_jax.methods.lama.sizes import ENDS, HALVINGS, SMALLEST, STRIDE, local_channels
from glcic_jax.weights.lama import LamaWeights
from glcic_jax.weights.trained import cast_tensors


class _Waves(NamedTuple):
    """Holds names of matrices: cosines and minus sines, divided by the root of the size.

    Attributes:
      down: of the rows: two of [h, h].
      across: of the columns, for the half spectrum: two of [w, w/2+1].
      back: the latter's inverses: two of [w/2+1, w].
    """

    down: tuple[str, str]
    across: tuple[str, str]
    back: tuple[str, str]


def to_onnx(weights: LamaWeights, dtype: str = "float32") -> bytes:
    """Exports a model with inputs `image` [b, 3, h, w] in [0, 1] and `mask` [b, 1, h, w], 1 = hole.

    The output, `output`, is the completed picture [b, 3, h, w] in [0, 1]; its known pixels are
    those of `image`. All are float32. b, h and w may be any numbers.

    Args:
      weights: the network.
      dtype: the dtype in which the weights are stored, a key of DTYPES; arithmetic is float32.

    Returns:
      The bytes of the file.

    Raises:
      UserError: onnx is not installed, or a value is too large for float16.
    """
    graph = _Completion(require_onnx(), weights, dtype)
    graph.completed()
    return serialized(graph, str(weights))


class _Completion(Graph):
    """Collects the nodes of a completion."""

    def __init__(self, onnx: Any, weights: LamaWeights, dtype: str) -> None:
        super().__init__(onnx)
        self.blocks = weights.blocks
        self.tensors = cast_tensors(weights.tensors, dtype)
        self.shapes = {name: tensor.shape for name, tensor in weights.tensors.items()}

    def completed(self) -> None:
        """Adds all, from `image` and `mask` to `output`, which is filled in the holes only."""
        self.add("Greater", "mask", self.constant(0), named="hole")
        self.add("Shape", "image", start=2, named="size")
        shown = self.add("Where", "hole", self.constant(0), "image")
        x = self.network(self.repeated(self.add("Concat", shown, "mask", axis=1)))
        axes = self.whole([2, 3])
        cropped = self.add("Slice", x, self.whole([0, 0]), "size", axes)
        self.add("Where", "hole", cropped, "image", named="output")

    def whole(self, value: Any) -> str:
        return self.constant(value, np.int64)

    def repeated(self, x: str) -> str:
        """Adds the rows and columns that make both numbers multiples of the stride."""
        for axis in (0, 1):
            length = self.add("Gather", "size", self.whole(axis))
            missing = self.add("Mod", self.add("Neg", length), self.whole(STRIDE))
            wanted = self.add("Max", self.add("Add", length, missing), self.whole(SMALLEST))
            places = self.add("Range", self.whole(0), wanted, self.whole(1))
            period = self.add("Add", length, length)
            place = self.add("Mod", places, period)
            mirror = self.add("Sub", self.add("Sub", period, self.whole(1)), place)
            place = self.add("Where", self.add("Less", place, length), place, mirror)
            x = self.add("Gather", x, place, axis=axis + 2)
        return x

    # Layers --------------------------------------------------------------------------------------

    def network(self, x: str) -> str:
        """Adds the layers of Generator."""
        x = self.norm_relu(self.mirrored(x, "stem"), "stem_norm")
        for level in range(1, HALVINGS + 1):
            x = self.mirrored(x, f"down{level}", stride=2)
            x = self.norm_relu(x, f"down{level}_norm")
        waves = self.waves(x)
        for block in range(1, self.blocks + 1):
            y = self.fourier_convolution(x, f"block{block}_first", waves)
            y = self.fourier_convolution(y, f"block{block}_second", waves)
            x = self.add("Add", x, y)
        for level in range(1, HALVINGS + 1):
            x = self.add(
                "ConvTranspose", x, *self.weights(f"up{level}", "kernel", "bias"),
                strides=[2, 2], pads=[1] * 4, output_padding=[1, 1],
            )  # fmt: skip
            x = self.norm_relu(x, f"up{level}_norm")
        return self.add("Sigmoid", self.mirrored(x, "output"))

    def fourier_convolution(self, x: str, name: str, waves: _Waves) -> str:
        features = self.shapes[f"{name}.norm.scale"][0]
        near, far = self.parts(x, local_channels(features), features)
        y = self.mirrored(near, f"{name}.from_local")
        to_local = self.mirrored(far, f"{name}.global_to_local")
        to_global = self.spectral_transform(far, f"{name}.spectral", waves)
        y = self.add("Add", y, self.add("Concat", to_local, to_global, axis=1))
        return self.norm_relu(y, f"{name}.norm")

    def spectral_transform(self, x: str, name: str, waves: _Waves) -> str:
        half = self.shapes[f"{name}.leave.kernel"][2]
        x = self.norm_relu(self.convolution(x, f"{name}.enter"), f"{name}.enter_norm")
        across = [self.add("MatMul", x, wave) for wave in waves.across]
        spectrum = self.add("Concat", *self.turned(*waves.down, *across), axis=1)
        spectrum = self.convolution(spectrum, f"{name}.fourier")
        spectrum = self.norm_relu(spectrum, f"{name}.fourier_norm")
        cosine, sine = waves.down
        both = self.turned(cosine, self.add("Neg", sine), *self.parts(spectrum, half, 2 * half))
        real, imaginary = (self.add("MatMul", *pair) for pair in zip(both, waves.back, strict=True))
        y = self.add("Add", x, self.add("Add", real, imaginary))
        return self.convolution(y, f"{name}.leave")

    def mirrored(self, x: str, name: str, stride: int = 1) -> str:
        """Adds a convolution, beyond the edge of whose input that is mirrored."""
        pad = ENDS // 2 if name in ("stem", "output") else 1
        pads = self.whole([0, 0, pad, pad, 0, 0, pad, pad])
        return self.convolution(self.add("Pad", x, pads, mode="reflect"), name, stride)

    def convolution(self, x: str, name: str, stride: int = 1) -> str:
        parts = [part for part in ("kernel", "bias") if f"{name}.{part}" in self.tensors]
        return self.add("Conv", x, *self.weights(name, *parts), strides=[stride] * 2)

    def norm_relu(self, x: str, name: str) -> str:
        parts = self.weights(name, "scale", "bias", "mean", "var")
        return self.add("Relu", self.add("BatchNormalization", x, *parts, epsilon=NORM_EPSILON))

    def parts(self, x: str, first: int, count: int) -> tuple[str, str]:
        """Adds the first channels, and the rest of `count`."""
        axis = self.whole([1])
        start, middle, end = (self.whole([n]) for n in (0, first, count))
        return self.add("Slice", x, start, middle, axis), self.add("Slice", x, middle, end, axis)

    def weights(self, name: str, *parts: str) -> list[str]:
        """Adds tensors as float32, whatever they are stored in; returns their names."""
        names = []
        for part in parts:
            full = f"{name}.{part}"
            tensor = np.ascontiguousarray(transposed(self.tensors[full]))
            self.constants.append(self.onnx.numpy_helper.from_array(tensor, full))
            cast = tensor.dtype != np.float32
            names.append(self.add("Cast", full, to=self.onnx.TensorProto.FLOAT) if cast else full)
        return names

    # Fourier transforms, as in methods/lama/fourier.py -------------------------------------------

    def waves(self, x: str) -> _Waves:
        """Adds the matrices for features of the size of `x`."""
        height, width = (self.add("Shape", x, start=axis, end=axis + 1) for axis in (2, 3))
        height, width = (self.add("Squeeze", size) for size in (height, width))
        one, two = self.whole(1), self.whole(2)
        half = self.add("Add", self.add("Div", width, two), one)
        across = self.wave_pair(width, half, width)
        frequency = self.range(half)
        doubled = self.add("Mul", frequency, two)
        alone = self.add(
            "Or", self.add("Equal", frequency, self.whole(0)), self.add("Equal", doubled, width)
        )
        weight = self.add("Where", alone, self.constant(1), self.constant(2))
        back = [
            self.add("Transpose", self.add("Mul", wave, weight), perm=[1, 0]) for wave in across
        ]
        return _Waves(self.wave_pair(height, height, height), across, (back[0], back[1]))

    def wave_pair(self, rows: str, columns: str, size: str) -> tuple[str, str]:
        """Adds the parts of exp(-2 pi i n k / size) / sqrt(size), [n, k]."""
        n = self.add("Unsqueeze", self.range(rows), self.whole([1]))
        turns = self.add("Mod", self.add("Mul", n, self.range(columns)), size)
        length = self.real(size)
        share = self.add("Div", self.real(turns), length)
        angle = self.add("Mul", share, self.constant(2 * np.pi))
        root = self.add("Sqrt", length)
        cosine = self.add("Div", self.add("Cos", angle), root)
        return cosine, self.add("Neg", self.add("Div", self.add("Sin", angle), root))

    def range(self, count: str) -> str:
        return self.add("Range", self.whole(0), count, self.whole(1))

    def real(self, x: str) -> str:
        return self.add("Cast", x, to=self.onnx.TensorProto.FLOAT)

    def turned(self, cosine: str, sine: str, real: str, imaginary: str) -> tuple[str, str]:
        """Adds the complex product of a matrix with columns of features, in its two parts."""
        pairs = [(cosine, real), (sine, imaginary), (cosine, imaginary), (sine, real)]
        a, b, c, d = (self.add("MatMul", *pair) for pair in pairs)
        return self.add("Sub", a, b), self.add("Add", c, d)
