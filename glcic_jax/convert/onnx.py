"""Exports completion as an ONNX model. Needs the package onnx (requirements-onnx.txt)."""

from typing import Any

import numpy as np

from glcic_jax.convert.onnx_graph import Graph, require_onnx, serialized
from glcic_jax.convert.onnx_smooth_fill import add_smooth_fill
from glcic_jax.convert.pytorch_layout import transposed
from glcic_jax.methods.glcic.table2 import STRIDE, layers, shortcuts
from glcic_jax.weights.glcic import EPSILON, CompletionWeights, is_deconvolution, kernel_name
from glcic_jax.weights.trained import cast_tensors


def to_onnx(weights: CompletionWeights, dtype: str = "float32") -> bytes:
    """Exports a model with inputs `image` [b, 3, h, w] in [0, 1] and `mask` [b, 1, h, w], 1 = hole.

    The output, `output`, is the completed picture [b, 3, h, w] in [0, 1]; its known pixels are
    those of `image`. All are float32. b may be any number, and h and w any from 4 pixels on. For a
    network that adds to smooth fills these are in the model too.

    Args:
      weights: the network, folded or not.
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

    def __init__(self, onnx: Any, weights: CompletionWeights, dtype: str) -> None:
        super().__init__(onnx)
        self.weights = weights
        self.tensors = cast_tensors(weights.tensors, dtype)

    def completed(self) -> None:
        """Adds all, from `image` and `mask` to `output`, which is filled in the holes only."""
        self.add("Greater", "mask", self.constant(0), named="hole")
        self.add("Shape", "image", start=2, named="size")
        if self.weights.output == "difference":
            image, mask = self.mirrored("image"), self.mirrored("mask")
            filled = add_smooth_fill(self, image, mask)
            x = self.add("Concat", self.centred(filled), mask, axis=1)
            x = self.add("Add", filled, self.network(x))
            x = self.add("Clip", x, self.constant(0), self.constant(1))
        else:
            x = self.network(self.mirrored(self.network_input()))
        axes = self.constant([2, 3], np.int64)
        cropped = self.add("Slice", x, self.constant([0, 0], np.int64), "size", axes)
        self.add("Where", "hole", cropped, "image", named="output")

    def tensor(self, name: str) -> str:
        """Adds a tensor of the network, as float32 whatever it is stored in; returns its name."""
        tensor = transposed(self.tensors[name])
        constant = self.onnx.numpy_helper.from_array(np.ascontiguousarray(tensor), name)
        self.constants.append(constant)
        if tensor.dtype == np.float32:
            return name
        return self.add("Cast", name, to=self.onnx.TensorProto.FLOAT)

    def centred(self, image: str) -> str:
        """Adds the subtraction of the mean pixel."""
        mean = self.constant(np.reshape(self.weights.mean_pixel, (1, 3, 1, 1)))
        return self.add("Mul", self.add("Sub", image, mean), self.constant(self.weights.scale))

    def network_input(self) -> str:
        """Adds the network's input, as `completion_input` makes it."""
        fill = self.constant(np.reshape(self.weights.fill_pixel, (1, 3, 1, 1)))
        picture = self.add("Where", "hole", fill, self.centred("image"))
        return self.add("Concat", picture, "mask", axis=1)

    def mirrored(self, x: str) -> str:
        """Adds the rows and columns that make height and width multiples of the stride."""
        stride = self.constant(STRIDE, np.int64)
        missing = self.add("Mod", self.add("Neg", "size"), stride)
        pads = self.add("Concat", self.constant([0] * 6, np.int64), missing, axis=0)
        return self.add("Pad", x, pads, mode="reflect")

    def network(self, x: str) -> str:
        """Adds the layers of CompletionNetwork."""
        adds, outputs = self.weights.output == "difference", {}
        added = shortcuts(self.weights.dilated_layers) if adds else {}
        for number, (_, _, options) in layers(self.weights.dilated_layers).items():
            x = self.convolution(x, number, **options)
            if self.weights.relu_first:
                x = self.add("Relu", x)
            if self.weights.norm:
                x = self.norm(x, number)
            if not self.weights.relu_first:
                x = self.add("Relu", x)
            if number in added:
                x = self.add("Add", x, outputs[added[number]])
            outputs[number] = x
        x = self.convolution(x, "17")
        if self.weights.output != "clip":
            return self.add("Tanh" if adds else "Sigmoid", x)
        clipped = self.add("Clip", x, self.constant(-1), self.constant(1))
        half = self.constant(0.5)
        return self.add("Add", self.add("Mul", clipped, half), half)

    def convolution(
        self, x: str, number: str, kernel: int = 3, stride: int = 1, dilation: int = 1
    ) -> str:
        name = kernel_name(number)
        inputs = (x, self.tensor(name), self.tensor(name.replace("kernel", "bias")))
        if is_deconvolution(number):
            return self.add("ConvTranspose", *inputs, strides=[2, 2], pads=[1] * 4)
        pads = [dilation * (kernel - 1) // 2] * 4
        return self.add("Conv", *inputs, strides=[stride] * 2, dilations=[dilation] * 2, pads=pads)

    def norm(self, x: str, number: str) -> str:
        parts = [self.tensor(f"norm{number}.norm.{p}") for p in ("scale", "bias", "mean", "var")]
        return self.add("BatchNormalization", x, *parts, epsilon=EPSILON)
