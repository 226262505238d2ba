"""The network of GLCIC-PyTorch's class, written anew from its description, in numpy and float64.

The class is CompletionNetwork of github.com/otenim/GLCIC-PyTorch (models.py): the layers of
table 2, each convolution followed by ReLU, then batch norm. Its program (predict.py) shows it
pictures in [0, 1] with the mean pixel in the hole, then the mask.
"""

import numpy as np

LAYERS = [
    # name, channels in, channels out, edge of the kernel
    ("conv1", 4, 64, 5),
    ("conv2", 64, 128, 3),
    ("conv3", 128, 128, 3),
    ("conv4", 128, 256, 3),
    *((f"conv{n}", 256, 256, 3) for n in range(5, 13)),
    ("deconv13", 256, 128, 4),
    ("conv14", 128, 128, 3),
    ("deconv15", 128, 64, 4),
    ("conv16", 64, 32, 3),
    ("conv17", 32, 3, 3),
]
STRIDES = {"conv2": 2, "conv4": 2}
DILATIONS = {"conv7": 2, "conv8": 4, "conv9": 8, "conv10": 16}
EPSILON = 1e-5


def state_shapes():
    """Returns the names of the class's state dict with their shapes, in its order."""
    shapes = {}
    for number, (name, inputs, outputs, edge) in enumerate(LAYERS, start=1):
        transposed = name.startswith("deconv")
        ends = (inputs, outputs) if transposed else (outputs, inputs)
        shapes[f"{name}.weight"] = (*ends, edge, edge)
        shapes[f"{name}.bias"] = (outputs,)
        if name != "conv17":
            for part in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"bn{number}.{part}"] = (outputs,)
            shapes[f"bn{number}.num_batches_tracked"] = ()
    return shapes


def completed(state, image, mask, mean_pixel):
    """Completes as the class and its program do, without their blending.

    `image` is h w 3 in [0, 1], `mask` h w 1; multiples of 4.
    """
    shown = np.where(mask == 1, mean_pixel, image)
    x = np.concatenate([shown, mask], axis=2).transpose(2, 0, 1).astype(np.float64)
    for number, (name, *_) in enumerate(LAYERS, start=1):
        weight, bias = (state[f"{name}.{part}"].astype(np.float64) for part in ("weight", "bias"))
        if name.startswith("deconv"):
            x = _doubled(x, weight) + bias[:, None, None]
        else:
            x = _convolved(x, weight, STRIDES.get(name, 1), DILATIONS.get(name, 1))
            x += bias[:, None, None]
        if name != "conv17":
            x = _normalised(np.maximum(x, 0), state, f"bn{number}")
    output = (1 / (1 + np.exp(-x))).transpose(1, 2, 0)
    return np.where(mask == 1, output, image)


def _normalised(x, state, name):
    scale, shift, mean, var = (
        state[f"{name}.{part}"].astype(np.float64)[:, None, None]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(var + EPSILON) * scale + shift


def _convolved(x, weight, stride, dilation):
    height, width = x.shape[1:]
    edge = weight.shape[2]
    pad = dilation * (edge - 1) // 2
    wide = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    result = 0.0
    for row in range(edge):
        for column in range(edge):
            top, left = row * dilation, column * dilation
            seen = wide[:, top : top + height : stride, left : left + width : stride]
            result = result + np.tensordot(weight[:, :, row, column], seen, 1)
    return result


def _doubled(x, weight):
    """Deconvolves: stride 2, padding 1, four taps."""
    height, width = x.shape[1:]
    wide = np.zeros((weight.shape[1], 2 * height + 2, 2 * width + 2))
    for row in range(4):
        for column in range(4):
            part = np.tensordot(weight[:, :, row, column].T, x, 1)
            wide[:, row : row + 2 * height : 2, column : column + 2 * width : 2] += part
    return wide[:, 1:-1, 1:-1]
