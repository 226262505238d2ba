"""Finds and reads config files: one's own by their paths, those that ship by their names too."""

import runpy
import sys
import traceback
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path, PurePath

from ml_collections import ConfigDict

from glcic_jax.runtime.errors import UserError, one_line

PACKAGE = "configs"
"""The name under which config files import each other."""

PLACES = (Path(__file__).parents[2] / "configs", Path(__file__).parents[1] / "configs")
"""Where the configs that ship lie: in a clone, and in an installed package."""


def shipped_folder() -> Path:
    """Returns the folder of the configs that ship."""
    return next(place for place in PLACES if (place / "_common.py").is_file())


def shipped_names() -> list[str]:
    """Returns the names of the configs that ship, such as "places2"."""
    return sorted(path.stem for path in shipped_folder().glob("[!_]*.py"))


def locate_config(name: str) -> Path:
    """Returns the file of a config.

    Args:
      name: a path, or the name of a config that ships. A file of that name goes first.

    Raises:
      UserError: there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = shipped_folder() / f"{name}.py"
    if path.parent == Path() and not path.name.startswith("_") and shipped.is_file():
        return shipped
    if path.suffix == ".py":
        raise UserError(f"{name}: no such file; configs that ship have names such as places2")
    raise UserError(f"{name}: no such config: name a file, or one of {', '.join(shipped_names())}")


def split_address(address: str, kind: type[PurePath] = Path) -> tuple[str, str | None]:
    r"""Splits FILE:ARGUMENT at its first colon, but for that of a drive such as C:\ on Windows.

    Args:
      address: FILE or FILE:ARGUMENT.
      kind: the system's paths.

    Returns:
      The file, and the argument; None if there is none.
    """
    drive = kind(address).drive
    name, colon, argument = address[len(drive) :].partition(":")
    return f"{drive}{name}", argument if colon else None


def read_config_file(address: str) -> ConfigDict:
    """Returns the config that a file makes.

    Args:
      address: FILE or NAME, or FILE:ARGUMENT, whose argument `get_config` is given.

    Raises:
      UserError: there is no such file, it cannot be run, or it makes no ConfigDict.
    """
    name, argument = split_address(address)
    path = locate_config(name)
    _offer_package(path)
    try:
        get_config = runpy.run_path(str(path))["get_config"]
        config = get_config() if argument is None else get_config(argument)
    except UserError:
        raise
    except Exception as error:  # of the file itself: its last line that ran explains most
        lines = [
            e.lineno for e in traceback.extract_tb(error.__traceback__) if e.filename == str(path)
        ]
        where = f", line {lines[-1]}" if lines else ""
        raise UserError(
            f"{name}{where}: {type(error).__name__}: {one_line(error)}: mend the config file"
        ) from error
    if not isinstance(config, ConfigDict):
        raise UserError(f"{name}: get_config returns no ConfigDict: mend the config file")
    return config


def _offer_package(path: Path) -> None:
    """Makes `from configs import ...` find the user's configs and those that ship.

    A config that ships finds its siblings first, whatever lies in a folder `configs` here.
    """
    own, shipped = Path.cwd() / PACKAGE, shipped_folder()
    folders = [shipped, own] if path.resolve().parent == shipped.resolve() else [own, shipped]
    spec = ModuleSpec(PACKAGE, None, is_package=True)
    spec.submodule_search_locations = [str(folder) for folder in folders]
    sys.modules[PACKAGE] = module_from_spec(spec)
