"""Other programs' networks, as tests/golden/make_ports.py made them, and files to hold them."""

import struct
from pathlib import Path

import numpy as np

from glcic_jax.convert.__main__ import main
from glcic_jax.convert.pytorch_glcic import from_state_dict
from glcic_jax.weights.exchange import write_exchange

GOLDEN = dict(np.load(Path(__file__).parents[1] / "golden" / "ports.npz"))
MEAN = tuple(GOLDEN["mean_pixel"].tolist())
PROGRAMS = ("sequential", "glcic_pytorch", "mmagic")
TOLERANCE = 1e-5
"""How far our numbers may lie from the programs' own."""


def state_of(program):
    prefix = f"{program}/state/"
    return {
        name.removeprefix(prefix): array.astype(np.float32)
        for name, array in GOLDEN.items()
        if name.startswith(prefix)
    }


def mean_of(program):
    return None if program == "mmagic" else MEAN


def weights_of(program):
    """Returns a program's network, as we read it from its state dict."""
    return from_state_dict(state_of(program), mean_of(program), f"models/{program}.pth")


def write_plain_chain(folder):
    """Writes the plain chain's weights in our exchange format and returns the folder."""
    write_exchange(from_state_dict(state_of("sequential"), MEAN, "plain"), folder)
    return folder


def convert(*arguments):
    """Calls the command that converts and returns its exit code."""
    return main([str(argument) for argument in arguments])


# Torch7's format, written from its description: torch/torch7, File.lua and generic/Tensor.c -------


class Torch7Writer:
    """Python's values as a .t7 file; ("class", {fields}) is an object."""

    def __init__(self):
        self.data, self.count = bytearray(), 0

    def put(self, layout, *values):
        self.data += struct.pack(f"<{layout}", *values)

    def text(self, text):
        self.put("i", len(text))
        self.data += text.encode("latin-1")

    def numbered(self, kind):
        self.count += 1
        self.put("ii", kind, self.count)

    def object(self, kind):
        self.numbered(4)
        self.text("V 1")
        self.text(kind)

    def write(self, value):
        if value is None:
            self.put("i", 0)
        elif isinstance(value, bool):
            self.put("ii", 5, value)
        elif isinstance(value, int | float):
            self.put("id", 1, value)
        elif isinstance(value, str):
            self.put("i", 2)
            self.text(value)
        elif isinstance(value, dict):
            self.numbered(3)
            self.put("i", len(value))
            for key, item in value.items():
                self.write(key)
                self.write(item)
        elif isinstance(value, tuple):
            self.object(value[0])
            self.write(value[1])
        else:
            self.tensor(value)

    def tensor(self, array):
        kind, dtype = {"f": ("Float", "<f4"), "d": ("Double", "<f8"), "l": ("Long", "<i8")}[
            array.dtype.char
        ]
        strides = [stride // array.itemsize for stride in array.strides]
        self.object(f"torch.{kind}Tensor")
        self.put(f"i{2 * array.ndim}q", array.ndim, *array.shape, *strides)
        self.put("q", 1)
        self.object(f"torch.{kind}Storage")
        self.put("q", array.size)
        self.data += array.astype(dtype).tobytes()


def torch7_bytes(value):
    writer = Torch7Writer()
    writer.write(value)
    return bytes(writer.data)


def torch7_model(changes=None):
    """The authors' table of model and mean, of the plain chain's weights."""
    state, modules = state_of("sequential"), {}
    for index in range(50):
        fields = {
            name.partition(".")[2]: array
            for name, array in state.items()
            if name.startswith(f"{index}.")
        } | {"train": False, "_type": "torch.FloatTensor"}
        number, place = index // 3 + 1, index % 3
        if place == 0:
            weight, dilation = fields["weight"], {7: 2, 8: 4, 9: 8, 10: 16}.get(number, 1)
            stride = 2 if number in (2, 4, 13, 15) else 1
            pad = 1 if number in (13, 15) else dilation * (weight.shape[2] - 1) // 2
            fields |= {"kW": weight.shape[3], "kH": weight.shape[2], "dW": stride, "dH": stride}
            fields |= {"padW": pad, "padH": pad, "gradBias": np.zeros(0, np.float32)}
            kind = "nn.SpatialConvolution"
            if dilation > 1:
                kind = "nn.SpatialDilatedConvolution"
                fields |= {"dilationW": dilation, "dilationH": dilation}
            kind = "nn.SpatialFullConvolution" if number in (13, 15) else kind
        else:
            kind = ("nn.SpatialBatchNormalization", "nn.ReLU")[place - 1]
            fields |= {"eps": 1e-5, "momentum": 0.1} if place == 1 else {"inplace": True}
        kind = "nn.Sigmoid" if index == 49 else kind
        modules[index + 1] = (kind, fields)
    for index, module in (changes or {}).items():
        modules[index] = module(*modules[index])
    mean = {number + 1: value for number, value in enumerate(MEAN)}
    return {"model": ("nn.Sequential", {"modules": modules, "train": False}), "mean": mean}
