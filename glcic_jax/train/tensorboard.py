"""Writes TensorBoard files at once, in the caller's thread."""

import time
from pathlib import Path

from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import (  # made while it is imported
    Event,  # pyright: ignore[reportAttributeAccessIssue]
    SessionLog,  # pyright: ignore[reportAttributeAccessIssue]
)

from glcic_jax.types import PixelImage


class Board:
    """Writes one file of events.

    tensorboardX's own SummaryWriter writes in a background thread. A full disk ends that thread,
    and all later calls wait for it for ever. Here the caller gets the error.

    Args:
      folder: is made if it is not there.
      first_step: TensorBoard no longer shows what older files of the folder hold from this step on.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        folder.mkdir(exist_ok=True)
        self._file = EventsWriter(str(folder / "events"))
        self._write(first_step, session_log=SessionLog(status=SessionLog.START))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Adds a point to each curve.

        Raises:
          OSError: the file cannot be written.
        """
        for name, value in values.items():
            self._write(step, summary=summary.scalar(name, value))
        self._file.flush()

    def picture(self, step: int, name: str, picture: PixelImage) -> None:
        """Adds a picture, uint8 RGB [h, w, 3].

        Raises:
          OSError: the file cannot be written.
        """
        self._write(step, summary=summary.image(name, picture, dataformats="HWC"))
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _write(self, step: int, **content) -> None:
        self._file.write_event(Event(wall_time=time.time(), step=step, **content))
