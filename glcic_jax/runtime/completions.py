"""Writes the scripts by which bash, zsh and fish complete a command's words."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple


class Commands(NamedTuple):
    """Holds what shells complete.

    Attributes:
      program: name of the program, such as glcic.
      about: what each of its commands does.
      parsers: the parser of each.
    """

    program: str
    about: Mapping[str, str]
    parsers: Mapping[str, argparse.ArgumentParser]


class _Flag(NamedTuple):
    """Holds one flag: its names, what it does in a few words, its values, if it must have one."""

    names: list[str]
    about: str
    choices: list[str]
    needs_value: bool


def bash(commands: Commands) -> str:
    """Returns the script for bash. Where a word may be anything, bash completes files."""
    flags, values = _cases(
        commands,
        lambda own: f"words='{' '.join(name for flag in own for name in flag.names)}'",
        lambda choices: f"words='{choices}'",
    )
    return f"""_{commands.program}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} words=
    if [ "$COMP_CWORD" -eq 1 ]; then
        words='{" ".join(commands.about)}'
    elif [[ $word == -* ]]; then
        case ${{COMP_WORDS[1]}} in
            {_lines(flags, 12)}
        esac
    else
        case "${{COMP_WORDS[1]}} ${{COMP_WORDS[COMP_CWORD-1]}}" in
            {_lines(values, 12)}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _{commands.program} {commands.program}
"""


def zsh(commands: Commands) -> str:
    """Returns the script for zsh, for `source` as well as for a folder of `fpath`."""
    program = commands.program
    described = [_described(name, about) for name, about in commands.about.items()]
    flags, values = _cases(
        commands,
        lambda own: (
            f"flags=({' '.join(_described(n, flag.about) for flag in own for n in flag.names)})"
        ),
        lambda choices: f"compadd -- {choices}",
    )
    return f"""#compdef {program}
_{program}() {{
    local -a commands flags
    if (( CURRENT == 2 )); then
        commands=({" ".join(described)})
        _describe command commands
    elif [[ $PREFIX == -* ]]; then
        case $words[2] in
            {_lines(flags, 12)}
        esac
        _describe -o flag flags
    else
        case "$words[2] $words[CURRENT-1]" in
            {_lines(values, 12)}
            *) _files ;;
        esac
    fi
}}
if [[ $funcstack[1] == _{program} ]]; then _{program} "$@"; else compdef _{program} {program}; fi
"""


def fish(commands: Commands) -> str:
    """Returns the script for fish."""
    start = f"complete -c {commands.program}"
    lines = [
        f"{start} -f -n __fish_use_subcommand -a {name} -d {_quoted(about)}"
        for name, about in commands.about.items()
    ]
    for command, parser in commands.parsers.items():
        own = f"{start} -n '__fish_seen_subcommand_from {command}'"
        for flag in _flags(parser):
            names = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in flag.names
            )
            value = f" -x -a '{' '.join(flag.choices)}'" if flag.choices else " -r -F"
            lines.append(
                f"{own} {names}{value if flag.needs_value else ''} -d {_quoted(flag.about)}"
            )
    return "\n".join(lines) + "\n"


SHELLS: dict[str, Callable[[Commands], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
"""What writes the script of each shell."""


def _flags(parser: argparse.ArgumentParser) -> Iterator[_Flag]:
    """Yields the flags of a parser; words without a flag are left to the shell, as files."""
    for action in parser._actions:  # argparse lists them nowhere else
        if action.option_strings and action.help != argparse.SUPPRESS:
            about = (action.help or "").partition(";")[0].replace("%%", "%")
            choices = [str(choice) for choice in action.choices or ()]
            needs_value = action.nargs not in (0, "?", "*")
            yield _Flag(list(action.option_strings), about, choices, needs_value)


def _cases(
    commands: Commands, of_flags: Callable[[list[_Flag]], str], of_values: Callable[[str], str]
) -> tuple[list[str], list[str]]:
    """Returns the cases that offer each command's flags, and those that offer a flag's values.

    Args:
      commands: what is completed.
      of_flags: writes what offers the flags of one command.
      of_values: writes what offers these values.
    """
    flags, values = [], []
    for command, parser in commands.parsers.items():
        own = list(_flags(parser))
        flags.append(f"{command}) {of_flags(own)} ;;")
        values += [
            f"'{command} {name}') {of_values(' '.join(flag.choices))} ;;"
            for flag in own
            for name in flag.names
            if flag.choices
        ]
    return flags, values


def _lines(lines: list[str], indent: int) -> str:
    return ("\n" + " " * indent).join(lines)


def _quoted(text: str) -> str:
    """Returns a word for fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _described(name: str, about: str) -> str:
    """Returns a word and its description for zsh's _describe."""
    text = name.replace(":", "\\:") + ":" + about
    return "'" + text.replace("'", "'\\''") + "'"
