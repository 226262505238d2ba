"""Prints what the user should know about a file. Needs no JAX."""

from pathlib import Path


def print_remarks(remarks: list[str], about: Path | str) -> None:
    """Prints what the user should know about a file, beside the progress bar."""
    for remark in remarks:
        from tqdm import tqdm  # only where there is one: most pictures need not wait for it

        tqdm.write(f"{about}: {remark}")
