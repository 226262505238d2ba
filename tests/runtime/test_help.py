"""Every command's --help shows three examples, which its own parser takes."""

import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest

from glcic_jax.__main__ import COMMANDS
from glcic_jax.runtime.command_line import command_parser


def examples(about, name):
    """Returns the words after the command's name, of each example in its help."""
    lines = (line.strip() for line in about.replace("\\\n", " ").splitlines())
    return [shlex.split(line)[3:] for line in lines if line.startswith(f"python -m {name} ")]


def command(name):
    module = f"glcic_jax.{COMMANDS[name][0]}"
    return module, import_module(module if name == "train" else f"{module}.__main__")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "train"])
def test_three_examples_are_taken(name):
    module, found = command(name)
    shown = examples(found.make_parser().format_help(), module)
    assert len(shown) >= 3
    assert len({tuple(words) for words in shown}) == len(shown)
    for words in shown:
        assert found.parse(words)


def test_examples_of_training_are_taken_with_their_fields(monkeypatch, capsys):
    module, found = command("train")
    shown = examples(found.make_parser().format_help(), module)
    assert len(shown) >= 3
    for words in shown:
        monkeypatch.setattr(sys, "argv", [module, *words])
        if "--help_config" in words:
            with pytest.raises(SystemExit) as left:
                found.parse()
            assert left.value.code == 0
        else:
            assert str(found.parse().workdir) == words[words.index("--workdir") + 1]


def test_a_broken_example_is_noticed(capsys):
    _, masks = command("masks")
    about = "Draws.\n\npython -m glcic_jax.masks --kind box \\\n    --cuont 3 --output m\n"
    (words,) = examples(about, "glcic_jax.masks")
    assert words == ["--kind", "box", "--cuont", "3", "--output", "m"]
    with pytest.raises(SystemExit):
        masks.parse(words)


@pytest.mark.parametrize(
    ("words", "flag", "rest"),
    [
        ("--at -3,4 file", "-3,4", "file"),
        ("--at=-3,4 file", "-3,4", "file"),
        ("--at -.5 file", "-.5", "file"),
        ("--at 3,-4 -- -5,6", "3,-4", "-5,6"),
        ("--at=1 -- --at -5", "1", "--at -5"),
    ],
)
def test_a_value_may_begin_with_a_minus(words, flag, rest):
    parser = command_parser("name", None)
    parser.add_argument("--at")
    parser.add_argument("rest", nargs="*")
    found = parser.parse_args(words.split())
    assert (found.at, " ".join(found.rest)) == (flag, rest)


def test_a_negative_number_may_be_the_first_of_several_or_no_flags_own():
    parser = command_parser("name", None)
    parser.add_argument("--sizes", nargs="+", type=int)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("rest", nargs="*")
    assert parser.parse_args(["--sizes", "-3", "4"]).sizes == [-3, 4]
    assert parser.parse_args(["--fast", "-3"]).rest == ["-3"]


@pytest.mark.parametrize("words", [["--file", ""], ["--file="], ["--text", ""], ["a", ""]])
def test_empty_values_such_as_those_of_unset_variables_are_refused(words, capsys):
    parser = command_parser("name", None)
    parser.add_argument("--file", type=Path, default=Path("report"))
    parser.add_argument("--text", default="none")
    parser.add_argument("rest", nargs="*")
    assert parser.parse_args(["--file", "b"]).file == Path("b")
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(words)
    assert ended.value.code == 2
    assert "its value is empty" in capsys.readouterr().err


def test_names_with_a_minus_are_explained_and_flags_stay_flags(capsys):
    parser = command_parser("name", None)
    parser.add_argument("--at")
    parser.add_argument("--also")
    for words in (["--at", "-name.jpg"], ["--at", "--also", "1"]):
        with pytest.raises(SystemExit) as left:
            parser.parse_args(words)
        assert left.value.code == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.endswith("one that begins with a minus goes behind =, as in --flag=-value")
