"""Names the extra of the package that holds what is missing. No imports: refusals need no JAX."""

from collections.abc import Iterator
from contextlib import contextmanager

from glcic_jax.runtime.errors import UserError

TRAIN = "train"
"""The extra that training takes, and completing with a run folder or another method's network."""

EXTRAS = {
    "absl": TRAIN,
    "array_record": TRAIN,
    "flax": TRAIN,
    "grain": TRAIN,
    "ml_collections": TRAIN,
    "optax": TRAIN,
    "orbax": TRAIN,
    "skimage": TRAIN,
    "tensorboardX": TRAIN,
    "starlette": "demo",
    "uvicorn": "demo",
    "python_multipart": "demo",
}
"""The extra that each module is of, by the module's name, where imports are not refused by
themselves."""


def missing_extra(need: str, extra: str) -> UserError:
    """Returns the refusal of what takes an extra that is not installed.

    Args:
      need: what is needed, and of what, such as "ONNX needs the package onnx".
      extra: the extra's name in pyproject.toml.
    """
    return UserError(
        f'{need}: pip install "glcic_jax[{extra}]", or, in a clone, pip install -r '
        f"requirements-{extra}.txt"
    )


def explain_import(error: BaseException) -> UserError | None:
    """Returns the refusal that explains a failed import; None if no extra holds the module."""
    if not isinstance(error, ModuleNotFoundError):
        return None
    module = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(module)
    return missing_extra(f"this needs the package {module}", extra) if extra else None


@contextmanager
def naming_extras() -> Iterator[None]:
    """Refuses imports that lack an extra meanwhile. It may decorate a function.

    Raises:
      UserError: names the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        refusal = explain_import(error)
        if refusal is None:
            raise
        raise refusal from error
