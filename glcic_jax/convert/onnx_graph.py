"""Collects the nodes and constants of an ONNX model in the making."""

from typing import Any

import numpy as np


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
