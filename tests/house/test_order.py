"""Who may import whom, who knows which library, and how long a file and a function may be."""

import ast
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "glcic_jax"
DOORS = {"__init__", "__main__"}
"""Files of the package's root that open what stands on any floor."""

ALONE = {
    "flax.linen": {
        "layers.",
        "metrics.networks.",
        "methods.*.network",
        "methods.*.networks",
        "methods.*.*_network",
        "methods.*.discriminator",
        "methods.*.discriminators",
    },
    "grain": {"data.pipeline"},
    "orbax": {"weights.checkpoint", "weights.checkpoint_reader"},
    "absl": {"main", "settings."},
    "ml_collections": {"main", "methods.", "settings."},
    "tensorboardX": {"train.tensorboard"},
    "fsspec": {"pictures.storage"},
    "dlib": {"prepare.faces"},
    "pickle": {"prepare.cifar", "runtime.programs", "runtime.tensor_files"},
    "safetensors": {"runtime.tensor_files", "weights.exchange", "convert.vgg16"},
    "torch": {"convert.pytorch_files"},
    "onnx": {"convert.onnx_graph"},
    "starlette": {
        "demo.api",
        "demo.connections",
        "demo.forms",
        "demo.guard",
        "demo.iopaint",
        "demo.server",
        "demo.turns",
    },
    "uvicorn": {"demo.connections", "demo.server"},
    "huggingface_hub": {"weights.hub"},
    "jax.export": {"convert.stablehlo"},
    "wandb": {"runtime.trackers"},
    "mlflow": {"runtime.trackers"},
    "array_record": {"data.record_files"},
    "apache_beam": {"prepare.on_beam"},
}
"""Libraries that only these modules may know; * stands for any folder or part of a name."""

PRIVATE = re.compile(r"(?!glcic_jax\b)\w+(\.\w+)*\._[a-z]")
"""A module of another library that is not for others."""


def wings():
    """The list under "Order of imports" in docs/architecture.md, the lowest first."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.partition("## Order of imports\n")[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. `(\w+)`", section, re.MULTILINE)


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


def imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def paper(parts):
    """The folder of one paper that a module lies in, if it lies in one."""
    folder = PACKAGE / "methods" / parts[1] if parts[0] == "methods" and parts[1:] else None
    return parts[1] if folder and folder.is_dir() else None


def faults(name, source, order):
    """What is wrong with the imports of a module."""
    own = name.split(".")
    if own[0] not in order:
        yield f"{name} is in none of the wings of docs/architecture.md"
        return
    for imported in imports(source):
        parts = imported.split(".")[1:]
        if not imported.startswith("glcic_jax."):
            if imported == "glcic_jax":
                yield f"{name} imports the package itself"
        elif parts[0] not in order:
            yield f"{name} imports {imported}, which is in no wing"
        elif order.index(parts[0]) > order.index(own[0]):
            yield f"{name} imports {imported} of a later wing"
        elif own[1:] and paper(own) and paper(parts) not in (None, paper(own)):
            yield f"{name} imports {imported} of another paper"


def test_the_document_names_every_wing_once():
    order = wings()
    found = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert len(order) == len(set(order)) == 22
    assert set(order) == found - DOORS


def test_no_wing_imports_a_later_one_and_no_paper_another():
    order = wings()
    found = [
        fault
        for name, path in modules()
        if name not in DOORS
        for fault in faults(name, path.read_text(), order)
    ]
    assert not found


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("layers.ops", "from glcic_jax.methods import losses"),
        ("layers.ops", "import glcic_jax.methods.losses"),
        ("runtime.disk", "def f():\n    from glcic_jax.pictures.decode import decode"),
        ("types", "from glcic_jax.runtime.errors import UserError"),
        ("methods.dcgan.method", "from glcic_jax.methods.glcic.networks import AVERAGE"),
        ("methods.dcgan.method", "from glcic_jax.methods import glcic"),
        ("weights.items", "import glcic_jax"),
        ("attic.boxes", "import numpy"),
        ("main", "from glcic_jax.attic import boxes"),
    ],
)
def test_an_import_turned_round_is_found(name, line):
    assert len(list(faults(name, line, wings()))) == 1


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("methods.losses", "from glcic_jax.types import Image"),
        ("methods.glcic.method", "from glcic_jax.methods.glcic.networks import AVERAGE"),
        ("methods.glcic.method", "from glcic_jax.methods.losses import masked_mse"),
        ("methods.by_name", "from glcic_jax.methods.dcgan.fields import FIELDS"),
        ("main", "import numpy"),
    ],
)
def test_an_import_from_below_passes(name, line):
    assert not list(faults(name, line, wings()))


@pytest.mark.parametrize("library", ALONE)
def test_a_library_is_known_where_it_must_be_only(library):
    for name, path in modules():
        if any(i == library or i.startswith(f"{library}.") for i in imports(path.read_text())):
            assert any(
                fnmatchcase(name, m) or (m.endswith(".") and name.startswith(m))
                for m in ALONE[library]
            ), name


def test_no_private_module_of_another_library_is_imported():
    for name, path in modules():
        assert not [i for i in imports(path.read_text()) if PRIVATE.match(i)], name


@pytest.mark.parametrize("folder", ["glcic_jax", "experiments", "benchmarks", "configs", "tests"])
def test_files_and_functions_stay_short(folder):
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    for path in paths:
        name, text = str(path.relative_to(ROOT)), path.read_text()
        assert len(text.splitlines()) <= 250, name
        if folder in ("configs", "tests"):  # lists of settings, and long cases
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 60, f"{name}: {node.name}: {length} lines"


def test_the_root_of_the_package_holds_five_files_and_the_wings():
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "main.py", "py.typed", "types.py"}
