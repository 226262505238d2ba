"""Collects the nodes and constants of an ONNX model in the making."""

from typing import Any

import numpy as np

from glcic_jax.runtime.extras import missing_extra

OPSET, IR_VERSION = 17, 8
"""Versions of 2022: old enough for most programs that run ONNX."""


class Graph:
    """Collects nodes and constants. Every value has a name.

    Args:
      onnx: the package onnx, which not everybody has installed.
    """

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes, self.constants = [], []

    def add(self, operation: str, *inputs: str, named: str = "", **attributes: Any) -> str:
        """Adds a node of one output.

        Args:
          operation: the operator of ONNX.
          *inputs: the names of its inputs.
          named: the name of its output; "" = a new one.
          **attributes: the operator's attributes.

        Returns:
          The name of its output.
        """
        name = named or f"{operation}{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operation, inputs, [name], **attributes))
        return name

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Adds a constant and returns its name."""
        name = f"constant{len(self.constants)}"
        array = np.asarray(values, dtype)
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name


def serialized(graph: Graph, description: str) -> bytes:
    """Returns the bytes of a model that completes: `image` and `mask` in, `output` out.

    Args:
      graph: holds all nodes; sizes are left open.
      description: of the network, for people.
    """
    onnx = graph.onnx
    values = {
        name: onnx.helper.make_tensor_value_info(
            name, onnx.TensorProto.FLOAT, ["b", channels, "h", "w"]
        )
        for name, channels in {"image": 3, "mask": 1, "output": 3}.items()
    }
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "glcic_jax",
            [values["image"], values["mask"]],
            [values["output"]],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="glcic_jax",
        doc_string=description,
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def require_onnx() -> Any:
    """Returns the package onnx.

    Raises:
      UserError: it is not installed.
    """
    try:
        import onnx  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise missing_extra("ONNX needs the package onnx", "onnx") from error
    return onnx
