"""Runs every command of the package by its name: the command `glcic`.

    glcic complete --checkpoint runs/mine --image photo.jpg --mask mask.png --output out.png

glcic NAME is python -m glcic_jax.NAME (train: glcic_jax.main); glcic NAME --help shows examples,
glcic --version the version. glcic completions SHELL prints a script that completes what one types.
"""

import runpy
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from glcic_jax.runtime.command_line import (
    VERSION_LINE,
    command_parser,
    name_commands,
    stop_in_one_line,
)
from glcic_jax.runtime.completions import SHELLS, Commands
from glcic_jax.runtime.extras import explain_import

COMMANDS = {
    "train": ("main", "trains networks as a config describes"),
    "complete": ("complete", "fills the holes of photographs"),
    "compare_runs": ("compare_runs", "shows what differs between trainings, and their curves"),
    "report": ("report", "writes a page, CSV and JSON of many trainings"),
    "evaluate": ("evaluate", "compares methods on the same pictures and holes"),
    "generate": ("generate", "draws random pictures with a trained DCGAN"),
    "prepare": ("prepare", "makes shards of many or large pictures"),
    "masks": ("masks", "draws a fixed set of masks"),
    "convert": ("convert", "converts weights from and to other programs"),
    "demo": ("demo", "serves a page that removes things from photographs"),
    "user_study": ("user_study", "asks people which pictures are real"),
}
"""For each command, the module of glcic_jax that it runs, and what it does."""

ABOUT_COMPLETIONS = """Prints a script by which a shell completes commands and flags.

glcic completions bash > ~/.local/share/bash-completion/completions/glcic
glcic completions zsh > ~/.zfunc/_glcic     # a folder of fpath, before compinit
glcic completions fish > ~/.config/fish/completions/glcic.fish
"""


def print_completions(words: list[str]) -> int:
    """Prints the script by which a shell completes what is typed after `glcic`.

    Args:
      words: what follows `glcic completions`: the shell's name.
    """
    name_commands({"glcic_jax": "glcic"})
    parser = command_parser("glcic_jax completions", ABOUT_COMPLETIONS)
    parser.add_argument("shell", choices=SHELLS)
    shell = parser.parse_args(words).shell
    parsers = {}
    for name, (module, _) in COMMANDS.items():
        spec = find_spec(f"glcic_jax.{module}")
        inside = spec is not None and spec.submodule_search_locations
        try:
            command = import_module(f"glcic_jax.{module}{'.__main__' if inside else ''}")
            parsers[name] = command.make_parser()
        except ModuleNotFoundError as error:
            if explain_import(error) is None:
                raise
            parsers[name] = command_parser(f"glcic_jax.{module}", None)  # an extra is missing
    about = {name: what for name, (_, what) in COMMANDS.items()}
    about["completions"] = "prints a script by which a shell completes commands and flags"
    print(SHELLS[shell](Commands("glcic", about, parsers)), end="")
    return 0


def main() -> int:
    """Runs the command that the first argument names, as `python -m` runs its module.

    Returns:
      The exit code: 2 if there is no such command.
    """
    given = sys.argv[1] if len(sys.argv) > 1 else "--help"
    name = given.replace("-", "_")
    if given in ("-h", "--help"):
        listed = [f"  {command:14}{about}" for command, (_, about) in COMMANDS.items()]
        print("\n".join([f"{__doc__}", *listed]))
        return 0
    if given == "--version":
        print(VERSION_LINE)
        return 0
    if given == "completions":
        return print_completions(sys.argv[2:])
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        print(f'error: glcic has no command "{given}": choose {known}', file=sys.stderr)
        return 2
    del sys.argv[1]
    sys.path.insert(0, str(Path.cwd()))  # as python -m does: config files import each other
    stop_in_one_line()
    name_commands(
        {f"glcic_jax.{module}": f"glcic {each}" for each, (module, _) in COMMANDS.items()}
    )
    runpy.run_module(f"glcic_jax.{COMMANDS[name][0]}", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
