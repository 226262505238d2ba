"""Docstrings open with a verb in the third person, as CONTRIBUTING.md asks."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERB = re.compile(r"([A-Z][a-z]+(-[a-z]+)?s|Is)[,:;.]?")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def verbless(source):
    """The first lines of docstrings that open with another word."""
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, DOCUMENTED))
    lines = [text.partition("\n")[0] for text in map(ast.get_docstring, nodes) if text]
    return [line for line in lines if not VERB.fullmatch(line.split()[0])]


@pytest.mark.parametrize("folder", ["glcic_jax", "configs", "experiments", "benchmarks"])
def test_docstrings_open_with_a_verb(folder):
    found = {path: verbless(path.read_text("utf-8")) for path in (ROOT / folder).rglob("*.py")}
    assert not {path.relative_to(ROOT): lines for path, lines in found.items() if lines}


@pytest.mark.parametrize("docstring", ["Fine-tunes, and returns.", "Is raised where it fails."])
def test_a_verb_passes(docstring):
    assert not verbless(f'def function():\n  """{docstring}"""')


@pytest.mark.parametrize("docstring", ["The loop.", "Convolution of pictures."])
def test_a_noun_is_found(docstring):
    assert verbless(f'"""{docstring}"""') == [docstring]
