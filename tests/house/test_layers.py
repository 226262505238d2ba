"""Who may import whom, and how long a file and a function may be."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "glcic_jax"

FLOORS = {
    0: {"errors", "types", "ranges", "winograd", "ops", "pretrained"},
    1: {
        "disk", "holes", "strokes", "items", "losses", "blending", "parallel", "collapse",
        "metrics", "metrics.pixels", "metrics.similarity", "tensors", "evaluation",
        "evaluation.bootstrap", "evaluation.distances", "evaluation.manifest", "networks.alexnet",
        "networks.efficientnet", "networks.inception", "board", "report_page", "process", "link",
        "best", "photo", "convolution", "windows", "squares", "throughput", "networks.layers",
        "networks.completion", "networks.discriminators", "networks.dcgan", "networks.unet",
        "networks.context_encoder", "networks.partial_unet", "networks.vgg16",
        "networks.measurement_discriminator", "partial_losses", "smooth_fill",
    },
    2: {
        "methods", "methods.glcic", "methods.glcic_updates", "methods.glcic_networks",
        "methods.template", "methods.context_encoder", "methods.context_encoder_updates",
        "methods.dcgan_completion", "methods.dcgan_training", "methods.dcgan_search",
        "methods.ambient_gan", "methods.ambient_gan_updates", "methods.partial_conv",
        "methods.procedural", "completer", "command_line", "peers", "distributed", "data",
        "data.ahead", "drawn_masks", "pairing", "photo_reader", "photo_writer", "jobs",
        "data.decode", "data.listing", "data.sources", "data.hole_kinds", "data.mask_set",
        "data.mask_recipe", "data.resize", "data.collection", "data.entries", "data.storage",
        "data.cifar", "data.layouts", "data.faces", "data.shards", "data.duplicates", "data.plan",
        "data.shard_writer", "data.prepare", "data.workers", "data.on_beam", "data.transforms",
        "data.measurement", "data.pipeline", "checkpoint", "report", "run_folder", "weights",
        "weights.network", "weights.files", "weights.description", "weights.exchange",
        "weights.runs", "weights.torch7", "weights.torch7_glcic", "weights.torch_files",
        "weights.torch_glcic", "weights.torch_layout", "weights.torch_partial",
        "weights.partial_network", "weights.mmagic_discriminator", "weights.onnx",
        "weights.stablehlo", "weights.hub", "weights.perceptual_vgg16", "evaluation.examples",
        "evaluation.command", "evaluation.tables", "evaluation.page", "evaluation.perceptual",
        "evaluation.summary", "evaluation.feature_cache", "study", "study.answers", "study.page",
        "study.pictures",
    },
    3: {"train_step", "inference", "donor", "scoring", "study.server"},
    4: {
        "__main__", "train", "main", "complete", "convert", "evaluate", "masks", "prepare",
        "quickstart", "user_study", "demo", "web", "web.filling", "web.worker", "web.guard",
        "web.server", "evaluation.rivals", "evaluation.measure", "evaluation.report",
        "evaluation.run", "evaluation.comparison",
    },
}  # fmt: skip

ALONE = {
    "flax.linen": {"networks."},
    "grain": {"data.pipeline"},
    "orbax": {"checkpoint"},
    "absl": {"main"},
    "ml_collections": {"main", "quickstart", "methods."},
    "tensorboardX": {"board"},
    "fsspec": {"data.storage"},
    "dlib": {"data.faces"},
    "pickle": {"data.cifar", "tensors"},
    "safetensors": {"tensors", "weights.exchange", "weights.perceptual_vgg16"},
    "torch": {"weights.torch_files"},
    "onnx": {"weights.onnx"},
    "starlette": {"web.guard", "web.server"},
    "uvicorn": {"web.server"},
    "huggingface_hub": {"weights.hub"},
    "jax.export": {"weights.stablehlo"},
    "array_record": {"data.shards", "data.shard_writer"},
    "apache_beam": {"data.on_beam"},
}
"""Libraries that only these modules may know."""


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield name.removesuffix(".__init__") if name != "__init__" else "", path


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor_of(name):
    return next((floor for floor, names in FLOORS.items() if name in names), None)


MODULES = [(name, path) for name, path in modules() if name not in ("", "networks")]


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_a_module_imports_from_below_only(name, path):
    own = floor_of(name)
    assert own is not None, f"{name} stands on no floor"
    for imported in imports(path):
        other = imported.removeprefix("glcic_jax.")
        floor = floor_of(other) if imported.startswith("glcic_jax.") else None
        if floor is None:
            continue
        # Floors 1 and 3 have no sideways imports, but the files of a package know each other, and
        # a network is made of layers.
        package = f"{name.partition('.')[0]}."
        sideways = own in (0, 2, 4) or other.startswith(package) or package == "networks."
        assert floor < own or (floor == own and sideways), f"{name} imports {other}"
        if name.startswith("methods."):
            part = other.startswith(f"{name.partition('_')[0]}_")  # a method in two files
            assert part or not other.startswith(("methods", "data", "report", "checkpoint"))


@pytest.mark.parametrize("library", ALONE)
def test_a_library_is_known_where_it_must_be_only(library):
    for name, path in modules():
        if any(i == library or i.startswith(f"{library}.") for i in imports(path)):
            assert any(
                name == m or (m.endswith(".") and name.startswith(m)) for m in ALONE[library]
            )


def test_files_and_functions_stay_short():
    for name, path in modules():
        assert len(path.read_text().splitlines()) <= 250, name
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 60, f"{name}.{node.name}: {length} lines"
