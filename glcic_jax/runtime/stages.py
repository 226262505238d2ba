"""Lets whoever waits for a long piece of work learn what is being done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

StageListener = Callable[[str, float | None, float | None], object]
"""(name of the stage, how much of it is done, of how much); None, None = nobody knows."""

_listener: ContextVar[StageListener | None] = ContextVar("stage_listener", default=None)


def stage(name: str, done: float | None = None, total: float | None = None) -> None:
    """Reports what begins now, or how far it is, to the listener; does nothing where none listens.

    Args:
      name: one word, such as "blending".
      done: parts of it that are done.
      total: parts that there are.
    """
    listener = _listener.get()
    if listener is not None:
        listener(name, done, total)


@contextmanager
def listening(listener: StageListener) -> Iterator[None]:
    """Calls `listener` with every stage that this thread reports meanwhile.

    Example:
      with listening(lambda name, done, total: print(name, done, total)):
          completer(image, mask)
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
