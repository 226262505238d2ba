"""Opens ArrayRecord files, by a package that Windows lacks. Needs no JAX."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glcic_jax.runtime.extras import TRAIN, missing_extra


@dataclass
class WholeFile:
    """Stands for all records of a file, so that the package need not open it to count.

    The package asks for the names of these fields.
    """

    filename: str
    skip: int
    take: int
    examples_in_shard: int


def require_array_record() -> None:
    """Checks that the package is there.

    Raises:
      UserError: it is not.
    """
    try:
        import array_record.python.array_record_module  # noqa: F401
    except ImportError as error:
        need = "shards need the package array-record, which Windows lacks: give pictures there"
        raise missing_extra(need, TRAIN) from error


def count_records(path: Path) -> int:
    """Counts the records of a file; returns 0 if it is cut short or of another format.

    Raises:
      UserError: the package is missing.
    """
    require_array_record()
    from array_record.python.array_record_module import ArrayRecordReader

    reader = ArrayRecordReader(
        str(path), "readahead_buffer_size:0,max_parallelism:0", file_reader_buffer_size=32768
    )
    count = reader.num_records() if reader.ok() else 0
    if reader.ok():
        reader.close()
    return count


def open_records(files: Sequence[tuple[Path, int]]) -> Any:
    """Opens files for reading any record.

    Args:
      files: each file, and the number of its records.

    Returns:
      A sequence of bytes, in the order of the files. A damaged block raises RuntimeError,
      ValueError or IndexError.

    Raises:
      UserError: the package is missing.
    """
    require_array_record()
    from array_record.python.array_record_data_source import ArrayRecordDataSource

    return ArrayRecordDataSource([WholeFile(str(path), 0, count, count) for path, count in files])


def open_writer(path: Path, options: str) -> Any:
    """Opens a file for writing.

    Args:
      path: the file.
      options: ArrayRecord's options.

    Returns:
      An `ArrayRecordWriter`, whose errors are RuntimeErrors.

    Raises:
      UserError: the package is missing.
    """
    require_array_record()
    from array_record.python.array_record_module import ArrayRecordWriter

    return ArrayRecordWriter(str(path), options)
