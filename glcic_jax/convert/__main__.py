r"""Converts weights of completion networks from and to other programs' files.

python -m glcic_jax.convert pretrained pretrained.onnx
python -m glcic_jax.convert runs/quickstart quickstart.onnx
python -m glcic_jax.convert completionnet_places2.t7 places2
python -m glcic_jax.convert runs/places2 glcic_pytorch.pth --fold
python -m glcic_jax.convert model_cn_step400000 celeba --mean-pixel 0.5061,0.4254,0.3828
python -m glcic_jax.convert big-lama/models/best.ckpt weights/big-lama
python -m glcic_jax.convert --vgg16 vgg16-397923af.pth vgg16.safetensors

IN   a run folder; a folder or .safetensors file that this program wrote; a Torch7 .t7 file of
     GLCIC's authors; a state dict of GLCIC-PyTorch, MMagic, of an nn.Sequential in the paper's
     order, of pytorch-inpainting-with-partial-conv or of LaMa, as PyTorch's own file or as
     .safetensors; LaMa's best.ckpt or big-lama.pt (no code in them is run);
     hf://OWNER/NAME; or pretrained, the network that comes with this package.
OUT  a folder, or NAME.safetensors (both with config.json; glcic_jax.load takes them); NAME.onnx;
     NAME.stablehlo; NAME.pth (PyTorch); or hf://OWNER/NAME, with a model card.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.weights.trained import Weights

HUB = "hf://"
SUFFIXES = ("", ".safetensors", ".onnx", ".stablehlo", ".pth", ".pt")


def make_parser() -> argparse.ArgumentParser:
    """Describes the flags of the command."""
    parser = command_parser("glcic_jax.convert", __doc__)
    parser.add_argument("input", metavar="IN")
    parser.add_argument("output", metavar="OUT")
    parser.add_argument("--step", type=int, help="a run's checkpoint; the latest by default")
    parser.add_argument("--mean-pixel", metavar="R,G,B", help="mean pixel, 0 to 1, if IN lacks it")
    parser.add_argument(
        "--fold",
        action="store_true",
        help="fold batch norm into the convolutions; NAME.pth of a network in the paper's form is "
        "then for GLCIC-PyTorch's class",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16", "bfloat16"),
        default="float32",
        help="dtype of the stored weights, float32 by default; they are read as float32",
    )
    parser.add_argument(
        "--vgg16",
        action="store_true",
        help="IN is torchvision's VGG16: keep the part that partial convolution's losses need",
    )
    parser.add_argument("--license", help="licence of the weights, such as mit; for hf:// only")
    return parser


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    return make_parser().parse_args(argv)


def read(address: str, step: int | None, mean_pixel: str | None) -> "Weights":
    """Reads the network of IN; the first bytes of a file show its kind.

    Args:
      address: IN, as the user wrote it.
      step: the step of a run's checkpoint; None = the one in the address, or the latest.
      mean_pixel: "R,G,B" in [0, 1], for files that do not hold it.

    Raises:
      UserError: IN cannot be read or holds another network, or an option does not suit it.
    """
    from glcic_jax.convert import pytorch_files, pytorch_programs, torch7_glcic
    from glcic_jax.runtime.tensor_files import read_safetensors
    from glcic_jax.weights import kinds
    from glcic_jax.weights.address import locate, open_trained, refuse_version

    path, named = locate(address)
    kind = kinds.kind_of(address, path)
    if kind != kinds.RUN:
        refuse_version(address, named, None if step is None else "--step")
    if mean_pixel is not None and kind not in (kinds.TORCH, kinds.SAFETENSORS):
        raise UserError(f"{address} holds its mean pixel itself: leave --mean-pixel out")
    if kind in (kinds.RUN, kinds.EXCHANGE):
        trained = open_trained(address, step)
        if trained.weights is not None:
            return trained.weights
        from glcic_jax.convert.from_run import from_run  # here, since it imports Flax and Optax

        return from_run(trained)
    if kind == kinds.TORCH7:
        return torch7_glcic.from_torch7(path)
    reader = pytorch_files.read_state_dict if kind == kinds.TORCH else read_safetensors
    state = reader(path)
    kinds.refuse_own(path, state)
    return pytorch_programs.from_state_dict(state, mean_pixel, str(path))


def write(weights: "Weights", output: str, dtype: str, licence: str | None) -> str:
    """Writes OUT; its name decides the kind of file.

    Args:
      weights: the network.
      output: OUT, as the user wrote it.
      dtype: the dtype in which tensors are stored, a key of DTYPES.
      licence: the licence of the weights, for the Hub.

    Returns:
      A description of what was written.

    Raises:
      UserError: OUT cannot be written or cannot hold this network, or a package is missing.
    """
    from glcic_jax.runtime.disk import write_file
    from glcic_jax.weights import exchange, hub

    if output.startswith(HUB):
        return hub.push(weights, output, str(licence), dtype)
    path = Path(output)
    if path.suffix in ("", exchange.SUFFIX) or path.is_dir():
        file = exchange.write_exchange(weights, path, dtype)
        return f"{file} and the config.json beside it"
    if path.suffix in (".pth", ".pt"):
        from glcic_jax.convert import pytorch_files, pytorch_programs

        title, state = pytorch_programs.to_state_dict(weights, path)
        pytorch_files.write_state_dict(state, path, dtype)
        if weights.method_name != "glcic":  # other programs fix the colour of holes themselves
            return f"{path} with the names of {title}"
        colour = ",".join(f"{value:g}" for value in weights.hole_colour)
        return f"{path} with the names of {title}, mean pixel {colour}"
    data = _exported(weights, path, dtype)
    write_file(path, data)
    return f"{path}, {len(data) / 2**20:.1f} MiB"


def _exported(weights: "Weights", path: Path, dtype: str) -> bytes:
    """Returns the bytes of an ONNX model or a StableHLO program."""
    if weights.method_name not in ONNX:
        raise UserError(f"{path}: {path.suffix} takes networks of GLCIC and LaMa, not a {weights}")
    if path.suffix == ".stablehlo":
        from glcic_jax.convert.stablehlo import to_stablehlo

        return to_stablehlo(weights, dtype)
    return ONNX[weights.method_name]()(weights, dtype)


def _of_glcic() -> Callable[[Any, str], bytes]:
    from glcic_jax.convert.onnx import to_onnx

    return to_onnx


def _of_lama() -> Callable[[Any, str], bytes]:
    from glcic_jax.convert.onnx_lama import to_onnx

    return to_onnx


ONNX = {"glcic": _of_glcic, "lama": _of_lama}
"""Finders of what exports the networks of a method to ONNX; StableHLO takes these methods too."""


def run(args: argparse.Namespace) -> None:
    """Reads, folds and writes a network. A wrong OUT is refused before IN is read."""
    if args.vgg16:
        from glcic_jax.convert.vgg16 import shorten

        print(f"wrote {shorten(Path(args.input), Path(args.output))}")
        return
    to_hub = args.output.startswith(HUB)
    suffix = Path(args.output).suffix
    if not to_hub and suffix not in SUFFIXES and not Path(args.output).is_dir():
        known = ", ".join(SUFFIXES[1:])
        raise UserError(f"{args.output}: unknown kind of file; write {known} or a folder")
    if to_hub is not bool(args.license):
        advice = "give the weights' --license" if to_hub else "--license is for hf:// only"
        raise UserError(f"{args.output}: {advice}")
    weights = read(args.input, args.step, args.mean_pixel)
    if args.fold:
        from glcic_jax.weights.glcic import CompletionWeights, fold

        if not isinstance(weights, CompletionWeights):
            raise UserError(f"--fold is for GLCIC's network, this is a {weights}: leave --fold out")
        weights = fold(weights)
    print(weights)
    print(f"wrote {write(weights, args.output, args.dtype, args.license)}")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 2 for a user's mistake, printed in one line."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
