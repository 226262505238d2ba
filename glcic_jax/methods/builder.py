"""Pairs what builds a method with the description of the method's own fields."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from glcic_jax.runtime.fields import Description, completed, dotted, resolved
from glcic_jax.types import Method


class Builder(NamedTuple):
    """Builds a method from a config: `builder(config, mean_pixel)`.

    Attributes:
      build: makes the method from a config and the training set's mean pixel (RGB in [0, 1]).
      fields: the description of the fields that the method has besides those of every config.
      shown_by: the name of the config that ships and shows these fields best.
    """

    build: Callable[[Any, tuple[float, float, float]], Method]
    fields: Description
    shown_by: str

    def __call__(self, config: Any, mean_pixel: tuple[float, float, float]) -> Method:
        """Builds the method. Its fields that the config lacks have their defaults.

        Args:
          config: a ConfigDict, or a dict of the same fields.
          mean_pixel: mean of the training pictures, RGB in [0, 1].

        Raises:
          UserError: settings that contradict each other.
        """
        plain = config.to_dict() if isinstance(config, ConfigDict) else config
        whole = completed(plain, resolved(self.fields, dotted(plain)))
        return self.build(ConfigDict(whole), mean_pixel)
