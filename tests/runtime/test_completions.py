"""The scripts of `glcic completions`, read by the shells that are there."""

import re
import shutil
import subprocess

import pytest

from glcic_jax.__main__ import COMMANDS, print_completions
from glcic_jax.complete.__main__ import make_parser
from glcic_jax.complete.without_network import METHODS
from glcic_jax.runtime.completions import SHELLS

FLAGS = re.findall(r"--[a-z_-]+", make_parser().format_usage())


@pytest.fixture
def script(request, capsys, tmp_path):
    """Writes the script of a shell."""
    assert print_completions([request.param]) == 0
    path = tmp_path / request.param
    path.write_text(capsys.readouterr().out)
    return path


def in_shell(shell, code, folder):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run(
        [shell, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert not done.stderr
    return done.stdout.split("\n")


@pytest.mark.parametrize("script", SHELLS, indirect=True)
def test_a_shell_reads_its_script_which_has_every_flag(script):
    in_shell(script.name, f"{script.name} -n {script}", script.parent)
    text = script.read_text()
    assert all(name in text for name in (*COMMANDS, "completions", *METHODS))
    form = "-l {}" if script.name == "fish" else "--{}"
    assert len(FLAGS) > 20
    assert all(form.format(flag[2:]) in text for flag in FLAGS)


@pytest.mark.parametrize("script", ["bash"], indirect=True)
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("glcic comp", "complete compare_runs completions"),
        ("glcic complete --b", "--box --border"),
        ("glcic complete --method t", "telea"),
        ("glcic complete --image p", ""),  # which bash takes for a file
        ("glcic evaluate --by", "--by_order"),
        ("glcic train --work", "--workdir"),
    ],
)
def test_bash_offers_what_fits(script, line, expected):
    words = " ".join(f"'{word}'" for word in line.split())
    code = f"source {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))"
    found = in_shell("bash", f'{code}; _glcic; echo "${{COMPREPLY[*]}}"', script.parent)
    assert found == [expected, ""]


@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_fish_offers_what_fits(script):
    (script.parent / "photo.jpg").touch()
    offered = {}
    for line in ("glcic mas", "glcic complete --bo", "glcic complete --image ph"):
        found = in_shell("fish", f"source {script}; complete -C '{line}'", script.parent)
        offered[line] = [each.partition("\t")[0] for each in found[:-1]]
    assert list(offered.values()) == [["masks"], ["--border", "--box"], ["photo.jpg"]]


def test_an_unknown_shell_is_refused(capsys):
    with pytest.raises(SystemExit) as refused:
        print_completions(["tcl"])
    assert refused.value.code == 2
    assert "invalid choice: 'tcl'" in capsys.readouterr().err
