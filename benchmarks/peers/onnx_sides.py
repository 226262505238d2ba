"""Makes the sides of a race that run our exported network: ONNX Runtime, OpenVINO, OpenCV's DNN.

Each takes the path of the model, and the heights and widths of the pictures that a turn completes,
one by one.
"""

import os

import numpy as np

from benchmarks import inputs

Sizes = list[tuple[int, int]]


def _pictures(sizes: Sizes) -> list[dict[str, np.ndarray]]:
    """Returns pictures and their masks as the exported network takes them."""
    given = []
    for height, width in sizes:
        image, mask = inputs.photograph(height, width)
        planes = np.float32(image.transpose(2, 0, 1)[None] / 255)
        given.append({"image": planes, "mask": mask[None, None].astype(np.float32)})
    return given


def onnxruntime(sizes: Sizes, model: str):
    """Makes a worker: ONNX Runtime on the processor, a thread for each core that it may use.

    It prepares the network once for all sizes.
    """
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    pictures = _pictures(sizes)

    def run() -> None:
        for given in pictures:
            session.run(None, given)

    return run


def openvino(sizes: Sizes, model: str):
    """Makes a worker: OpenVINO on the processor, in float32.

    It compiles for the very size if there is one, else once for pictures of any size.
    """
    import openvino as runtime

    pictures = _pictures(sizes)
    network = runtime.Core().read_model(model)
    if len(pictures) == 1:
        network.reshape({name: array.shape for name, array in pictures[0].items()})
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = runtime.compile_model(network, "CPU", settings)

    def run() -> None:
        for given in pictures:
            compiled(given)

    return run


def opencv_dnn(sizes: Sizes, model: str):
    """Makes a worker: OpenCV's own networks."""
    import cv2

    network = cv2.dnn.readNetFromONNX(model)
    pictures = _pictures(sizes)

    def run() -> None:
        for given in pictures:
            for name, array in given.items():
                network.setInput(array, name)
            network.forward()

    return run
