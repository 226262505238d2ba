"""Makes the sides of a race that run our exported network: ONNX Runtime, OpenVINO, OpenCV's DNN.

Needs the packages onnx, onnxruntime and openvino: a side whose package is absent is named and left
out.
"""

import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import inputs


def _exported(width: int) -> bytes:
    """Exports a random network without smooth fills, batch norm folded, as users export theirs."""
    import jax

    from benchmarks.ours import MEAN, full_width_method
    from glcic_jax.convert.onnx import to_onnx
    from glcic_jax.weights.glcic import CompletionWeights, fold
    from glcic_jax.weights.trained import flatten_variables

    phases = {"discriminator": 0, "joint": 0}
    method = full_width_method(256, "float32", width=width, discriminators=(), phases=phases)
    network = method.init(jax.random.key(0)).networks["completion"]
    variables = {"params": network.params, "batch_stats": network.batch_stats}
    tensors = {name: np.asarray(array) for name, array in flatten_variables(variables).items()}
    return to_onnx(fold(CompletionWeights(tensors=tensors, mean_pixel=MEAN)))


def _pictures(height: int, width: int) -> dict[str, np.ndarray]:
    """Returns the picture and its mask as the exported network takes them."""
    image, mask = inputs.photograph(height, width)
    planes = np.float32(image.transpose(2, 0, 1)[None] / 255)
    return {"image": planes, "mask": mask[None, None].astype(np.float32)}


def onnxruntime(height: int, width: int, channels: int):
    """Makes a worker: ONNX Runtime on the processor, with a thread for each core."""
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    session = runtime.InferenceSession(
        _exported(channels), options, providers=["CPUExecutionProvider"]
    )
    given = _pictures(height, width)
    return lambda: session.run(None, given)


def openvino(height: int, width: int, channels: int):
    """Makes a worker: OpenVINO on the processor, in float32, compiled for the very size."""
    import openvino as runtime

    given = _pictures(height, width)
    model = runtime.Core().read_model(_exported(channels))
    model.reshape({name: array.shape for name, array in given.items()})
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = runtime.compile_model(model, "CPU", settings)
    return lambda: compiled(given)


def opencv_dnn(height: int, width: int, channels: int):
    """Makes a worker: OpenCV's own networks."""
    import cv2

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        path.write_bytes(_exported(channels))
        network = cv2.dnn.readNetFromONNX(str(path))
    given = _pictures(height, width)

    def run() -> None:
        for name, array in given.items():
            network.setInput(array, name)
        network.forward()

    return run
