"""Fetches and pushes networks on the Hugging Face Hub. Needs requirements-hub.txt."""

import re
import tempfile
from pathlib import Path
from typing import Any

from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError, one_line
from glcic_jax.runtime.extras import missing_extra
from glcic_jax.runtime.run_folder import dotted
from glcic_jax.weights.description import CONFIG
from glcic_jax.weights.exchange import WEIGHTS, write_exchange
from glcic_jax.weights.trained import Weights

SCHEME = "hf://"
FILES = [CONFIG, "*.safetensors"]
"""Patterns of the files of a network that are downloaded."""


def fetch(address: str) -> Path:
    """Downloads a network, once, and returns the folder of its files.

    Args:
      address: "hf://OWNER/NAME", or "hf://OWNER/NAME@REVISION".

    Raises:
      UserError: the address or the network is wrong, there is no connection, or huggingface_hub is
        not installed.
    """
    name, revision = _parts(address)
    hub = _hub()
    try:
        return Path(hub.snapshot_download(name, revision=revision, allow_patterns=FILES))
    except Exception as error:  # the library, httpx and the file system raise many kinds
        raise UserError(f"{address}: cannot download it: {one_line(error)}") from error


def push(weights: Weights, address: str, licence: str, dtype: str = "float32") -> str:
    """Uploads a network with its model card; makes the repository if need be.

    Args:
      weights: the network; it is written as by `write_exchange`.
      address: "hf://OWNER/NAME", or "hf://OWNER/NAME@REVISION".
      licence: the licence of the weights by the Hub's name, such as "mit" or "cc-by-nc-sa-4.0".
      dtype: the dtype in which tensors are stored, a key of DTYPES.

    Returns:
      The address of the network's page.

    Raises:
      UserError: as in `fetch`; or there is no permission to write there.
    """
    name, revision = _parts(address)
    api = _hub().HfApi()
    with tempfile.TemporaryDirectory() as folder:
        write_exchange(weights, Path(folder), dtype)
        write_whole(Path(folder) / "README.md", model_card(weights, name, licence))
        try:
            api.create_repo(name, exist_ok=True)
            api.upload_folder(repo_id=name, folder_path=folder, revision=revision)
        except Exception as error:
            raise UserError(f"{address}: cannot upload: {one_line(error)}") from error
    return f"https://huggingface.co/{name}"


def model_card(weights: Weights, name: str, licence: str) -> str:
    """Returns the README.md of a network: its use, origin, scores and training.

    Args:
      weights: the network.
      name: "OWNER/NAME" on the Hub.
      licence: the licence of the weights by the Hub's name.
    """
    lines = [
        "---",
        f"license: {licence}",
        "library_name: glcic_jax",
        "pipeline_tag: image-to-image",
        "tags: [image-inpainting, image-completion, glcic, jax]",
        "---",
        f"# {name.partition('/')[2]}",
        "",
        f"{weights}, for image completion (inpainting) of pictures of any size.",
        "",
        "```python",
        "import glcic_jax",
        "",
        f'completer = glcic_jax.load("{SCHEME}{name}")',
        "completed = completer(image, mask)  # uint8 [h, w, 3] and [h, w], 1 = to be filled",
        "```",
        "",
        f"`{WEIGHTS}` holds the network, `{CONFIG}` how to run it.",
    ]
    facts = {"source": weights.source or "unknown"}
    if weights.step:
        facts["updates"] = f"{weights.step:,}"
    lines += ["", *_table("", "", facts)]
    lines += ["", "## Measured", ""]
    if weights.scores:
        scores = {name: f"{value:.4g}" for name, value in weights.scores.items()}
        lines += [
            "On held-out pictures with fixed holes, over the pixels of the holes only:",
            "",
            *_table("score", "value", scores),
        ]
    else:
        lines.append("Nothing: no scores came with the weights.")
    if weights.run:
        lines += ["", "## Training", "", *_table("field", "value", dotted(weights.run))]
    return "\n".join(lines) + "\n"


def _table(left: str, right: str, rows: dict[str, Any]) -> list[str]:
    cells = [
        (name, " ".join(str(value).split()).replace("|", "\\|")) for name, value in rows.items()
    ]
    return [
        f"| {left} | {right} |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in cells),
    ]


def _parts(address: str) -> tuple[str, str | None]:
    match = re.fullmatch(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", address)
    if not match:
        raise UserError(f"{address}: write {SCHEME}OWNER/NAME, or {SCHEME}OWNER/NAME@REVISION")
    return match[1], match[2]


def _hub() -> Any:
    try:
        import huggingface_hub  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise missing_extra(f"{SCHEME} takes the package huggingface_hub", "hub") from error
    return huggingface_hub
