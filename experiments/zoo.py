r"""Makes the zoo: a page of trained networks, from what runs and weights record of themselves.

python -m experiments.zoo docs/zoo.md runs/quickstart paper=runs/quickstart_paper pretrained \
    --reports runs/report

Takes run folders, folders that `--seeds` filled, and weights; "NAME=" before one names it. The page
has each one's config, updates, scores, command, machine, date and commit, and how to load it where
its weights can be had. What a run did not record stands there as "not recorded". --reports shows
reports of evaluate besides, in which networks are scored alike; --pictures DIR copies the runs'
latest sample grids into a folder beside the page.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath

from experiments.zoo_networks import Network, read_network
from experiments.zoo_pictures import Gallery
from experiments.zoo_reports import reports_section, shown_command, shown_folder
from glcic_jax.metrics.columns import Column, column_of
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import CONFIG
from glcic_jax.train.page import SCORES
from glcic_jax.train.seeds import TABLE, in_the_hole

UNKNOWN = "not recorded"

HEAD = """# Trained networks

    {command}

makes this page from what the runs and weights record of themselves. Scores are means over each
one's own held-out examples, in the hole, so they compare only where pictures, holes and examples
are the same. "Load" is empty where no weights are offered, because the pictures are for research
only or the run is too short to be of use: its command trains it again. Times are those of the
machine as it was, whatever else it did. A score is empty where none was recorded after the last
update. "Sample grid" has a run's latest pictures, of the first held-out examples; its command makes
them too. Photographs in the grids that are under CC BY are by the authors whom
[attribution.csv](../glcic_jax/weights/pretrained/attribution.csv) and, for the held-out ones,
[claims.md](claims.md) name.
"""

NAMED = Gallery(Path())
"""Names the files of sample grids and copies none."""


def page(
    entries: Sequence[str], command: str, reports: Sequence[Path] = (), gallery: Gallery = NAMED
) -> str:
    """Returns the page as Markdown.

    Args:
      entries: addresses, with "NAME=" before them or not.
      command: the command that makes the page, to be shown on it.
      reports: folders of evaluations.
      gallery: copies sample grids; by default the page names their files.

    Raises:
      UserError: an address that holds neither a run nor weights, or as `reports_section` and
        `Gallery`.
    """
    networks, groups = [], []
    for entry in entries:
        name, address = _named(entry)
        if (Path(address) / TABLE).is_file():
            groups.append(_group(name, Path(address), gallery))
        else:
            networks.append(read_network(name, address))
    parts = [HEAD.format(command=command)]
    if networks:
        parts += [_scores(networks), "## Where they come from\n", _origins(networks, gallery)]
    parts += groups
    if reports:
        steps = {network.name: network.step for network in networks}
        parts.append(reports_section(reports, steps))
    return "\n".join(parts)


def _named(entry: str) -> tuple[str, str]:
    """Splits "NAME=ADDRESS"; without a name it is that of the folder."""
    match = re.fullmatch(r"([\w.+ -]+)=(.+)", entry)
    return (match[1], match[2]) if match else (PurePath(entry).name, entry)


def _scores(networks: Sequence[Network]) -> str:
    """Returns the table of scores."""
    names = dict.fromkeys(name for network in networks for name in network.scores)
    columns = {name: _column(name) for name in names}
    heads = [column.label for column in columns.values()]
    rows = [["network", "method", "pictures", "holes", "updates", "examples", *heads, "load"]]
    for each in networks:
        config = each.config
        cells = [
            f"{column.scale * each.scores[name]:.{column.digits}f}" if name in each.scores else ""
            for name, column in columns.items()
        ]
        root = config.get("data.root") or config.get("data.source", UNKNOWN)
        about = [config.get("method", UNKNOWN), shown_folder(root)]
        about += [config.get("holes.kind", UNKNOWN), f"{each.step:,}"]
        examples = str(config.get("data.held_out_examples", UNKNOWN))
        rows.append([each.name, *about, examples, *cells, each.load])
    return _table(rows)


def _column(name: str) -> Column:
    return column_of(in_the_hole(name.removeprefix(SCORES)))


def _origins(networks: Sequence[Network], gallery: Gallery) -> str:
    """Returns the table of commands and machines."""
    rows = [["network", "command", "machine", "date", "updates took", "commit", "sample grid"]]
    for each in networks:
        start = each.start
        command = f"`{shown_command(start['command'])}`" if start.get("command") else UNKNOWN
        machine = "; ".join(filter(None, (start.get("machine"), start.get("devices")))) or UNKNOWN
        if start and not start.get("machine"):
            machine = f"processor {UNKNOWN}; {machine}"
        time = UNKNOWN if each.seconds is None else f"{each.seconds / 60:.1f} min"
        if each.starts > 1:
            time += f", in {each.starts} starts, the last of which stands here"
        commit = re.sub(r"^(\w{7})\w+", r"\1", start.get("commit", "")) or UNKNOWN
        date = str(start.get("time", UNKNOWN)).partition("T")[0]
        grid = gallery.show(each.name, each.grid)
        rows.append([each.name, command, machine, date, time, commit, grid])
    return _table(rows)


def _group(name: str, folder: Path, gallery: Gallery) -> str:
    """Returns a section on a folder of several seeds: its command, its table, and a sample grid."""
    runs = sorted([*folder.glob(f"*/{CONFIG}"), *folder.glob(f"*/*/{CONFIG}")])
    networks = [
        read_network(str(path.parent.relative_to(folder)), str(path.parent)) for path in runs
    ]
    if not networks:
        raise UserError(f"{folder}: {TABLE} is there, and no runs")
    start = networks[0].start
    words = start.get("command", [UNKNOWN])
    # It may be of the first of several processes, each of which trained a seed.
    words = shlex.split(re.sub(r" --only_seed[ =]\S+", "", shlex.join(words)))
    minutes = sum(network.seconds or 0 for network in networks) / 60
    shown = gallery.show(name, networks[0].grid)
    pictures = f" Sample grid of {networks[0].name}: {shown}." if shown else ""
    return (
        f"## {name}\n\n    {shown_command(words)}\n\n"
        f"{(folder / TABLE).read_text('utf-8')}\n"
        f"{len(networks)} runs, whose updates took {minutes:.0f} minutes together, on "
        f"{start.get('machine', UNKNOWN)} ({start.get('devices', UNKNOWN)}), "
        f"{str(start.get('time', UNKNOWN)).partition('T')[0]}, commit "
        f"{start.get('commit', UNKNOWN)[:7]}.{pictures}\n"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    texts = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in texts)


def make_parser() -> argparse.ArgumentParser:
    """Describes the arguments of the command."""
    parser = command_parser("experiments.zoo", __doc__)
    parser.add_argument("page", type=Path, metavar="PAGE.md", help="page to write")
    parser.add_argument("networks", nargs="+", metavar="NETWORK", help="run, --seeds, or weights")
    parser.add_argument(
        "--reports", nargs="+", type=Path, default=[], metavar="REPORT", help="evaluations to show"
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="folder for sample grids, beside the page"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""

    def run() -> None:
        args = make_parser().parse_args(argv)
        words = ["python", "-m", "experiments.zoo", str(args.page), *args.networks]
        if args.reports:
            words += ["--reports", *map(str, args.reports)]
        if args.pictures:
            words += ["--pictures", str(args.pictures)]
        gallery = Gallery(args.page, args.pictures)
        write_whole(args.page, page(args.networks, shown_command(words), args.reports, gallery))
        print(args.page)

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
