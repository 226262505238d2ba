"""What works without the extra for training, and the one line of what does not."""

import pytest

from glcic_jax.__main__ import COMMANDS
from glcic_jax.pictures.decode import decode, write_picture
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.extras import EXTRAS, TRAIN, explain_import, naming_extras
from tests.helpers.hidden import ROOT, hide, run_without
from tests.helpers.pictures import photograph
from tests.helpers.saved_run import save_run

NOT_LIGHT = (
    *(module for module, extra in EXTRAS.items() if extra == TRAIN),
    "chex", "etils", "fsspec", "msgpack", "rich", "tensorstore", "treescope", "yaml",
)  # fmt: skip
"""Modules of the extra and of what it brings along."""

TAKE_IT = (
    "convert.from_run", "data.pipeline", "layers.initial", "layers.norm_relu",
    "layers.torch_layers", "main", "methods", "settings", "train", "weights.any_method",
    "weights.checkpoint",
)  # fmt: skip
"""What the names of the modules begin with that take the extra when they are imported."""

IMPORT = f"""
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:  # other extras are not installed either
        if error.name in {NOT_LIGHT}:
            print(name, error.name)
"""

ADVICE = 'pip install "glcic_jax[train]", or, in a clone, pip install -r requirements-train.txt'


@pytest.fixture
def light(tmp_path_factory):
    return hide(tmp_path_factory.mktemp("hidden"), NOT_LIGHT)


@pytest.fixture
def example(tmp_path):
    """A folder with one photograph, and one with its mask."""
    (tmp_path / "data").mkdir()
    for number, name in enumerate("ab"):
        write_picture(tmp_path / "data" / f"{name}.png", photograph(number, 96, 80))
    return tmp_path


def test_a_missing_module_of_no_extra_is_a_fault():
    with pytest.raises(ModuleNotFoundError), naming_extras():
        import a_module_that_nobody_has  # noqa: F401 # pyright: ignore[reportMissingImports]
    assert explain_import(ImportError("flax")) is None


def test_a_missing_module_of_an_extra_is_named():
    with pytest.raises(UserError, match=r'flax: pip install "glcic_jax\[train\]"'), naming_extras():
        raise ModuleNotFoundError("No module named 'flax'", name="flax.linen")


def test_training_names_the_extra_before_anything_is_imported(light, tmp_path):
    command = ("-m", "glcic_jax.main", "--config", "quickstart", "--workdir", "run")
    done = run_without(light, *command, cwd=tmp_path)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line) == (2, f"error: this needs the package absl: {ADVICE}")
    assert not (tmp_path / "run").exists()


def test_no_other_file_needs_the_extra(light, tmp_path):
    paths = [path.relative_to(ROOT) for path in (ROOT / "glcic_jax").rglob("*.py")]
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths}
    others = [name for name in names if not name.removeprefix("glcic_jax.").startswith(TAKE_IT)]
    assert len(others) > 100
    done = run_without(light, "-c", IMPORT, *sorted(others), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.slow  # a process each
@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"train"}))
def test_every_other_command_has_its_help(light, tmp_path, command):
    done = run_without(light, "-m", "glcic_jax", command, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_what_there_is(light, tmp_path, shell):
    done = run_without(light, "-m", "glcic_jax", "completions", shell, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "train" in done.stdout
    assert "latent" in done.stdout  # a flag of `complete`


@pytest.mark.slow  # processes that compile
def test_photographs_are_completed_scored_and_converted(light, example):
    def glcic(*words):
        done = run_without(light, "-m", "glcic_jax", *words, cwd=example)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    hole = ("--box", "20,30,24,20")
    glcic("complete", "--image", "data/a.png", *hole, "--output", "out.png")
    completed, picture = decode(example / "out.png"), decode(example / "data" / "a.png")
    changed = (completed != picture).any(axis=2)
    assert changed[30:50, 20:44].mean() > 0.5
    assert changed.sum() == changed[30:50, 20:44].sum()
    masks = ("--kind", "box", "--size", "96", "--count", "1", "--output", "holes.json")
    glcic("masks", *masks)
    methods = ("pretrained", "pretrained+texture", "telea", "laplace", "mean", "patchmatch")
    glcic("evaluate", "--methods", *methods, "--data", "data", "--masks", "box", "--output", "r")
    for file in ("net", "net.stablehlo"):
        glcic("convert", "pretrained", file)
        assert (example / file).exists()
    whole = "import glcic_jax, numpy; c = glcic_jax.load(); "
    whole += "print(c.complete(numpy.zeros((1, 64, 64, 3), 'f'), numpy.ones((1, 64, 64, 1), 'f'))"
    done = run_without(light, "-c", f"{whole}.shape)", cwd=example)
    assert done.stdout.split() == ["(1,", "64,", "64,", "3)"], done.stderr


@pytest.mark.slow  # processes that compile
def test_what_takes_the_extra_names_it(light, example, tmp_path_factory):
    run = save_run(tmp_path_factory.mktemp("saved") / "run")
    complete = "complete --image data/a.png --box 20,30,24,20 --output no.png"
    evaluate = "evaluate --data data --masks box --output no --methods"
    for words in (
        f"{complete} --checkpoint {run}",
        f"{complete} --method biharmonic",
        f"{evaluate} {run}",
        f"{evaluate} biharmonic",
        f"convert {run} no",
        "prepare --source data --output no --split 0.5",
    ):
        done = run_without(light, "-m", "glcic_jax", *words.split(), cwd=example)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert ADVICE in done.stderr.splitlines()[-1], words
        assert [path.name for path in example.iterdir()] == ["data"], words
