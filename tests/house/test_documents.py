"""The documents name every file, link to what is there, and are no longer than they may be."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(document):
    """The names that GitHub gives a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_architecture_has_a_line_for_every_file():
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.partition("## One line per file\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `([\w/]+\.py)` \|", section, re.MULTILINE))
    package = ROOT / "glcic_jax"
    files = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    titles = {name for name in files if name.endswith("/__init__.py")}  # a docstring, an import
    assert files - titles <= listed
    assert listed <= files


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tables_are_whole(document):
    """A row with more cells than the head is cut off; text before the head makes it no table."""
    text = re.sub("^<!--.*-->$", "", document.read_text(), flags=re.MULTILINE)
    lines = ["", *text.splitlines(), ""]
    cells = [len(re.findall(r"(?<!\\)\|", line)) if line[:1] == "|" else 0 for line in lines]
    for before, after in pairwise(zip(lines, cells, strict=True)):
        if before[1] and after[1]:
            assert before[1] == after[1], after[0]
        elif before[1] or after[1]:
            assert not before[0] or not after[0], f"leave a line free: {before[0]} {after[0]}"


def headless(text):
    """Lists the first lines of tables whose second line does not end a head."""
    lines = ["", *text.splitlines(), ""]
    found = zip(lines, lines[1:], lines[2:], strict=False)
    return [
        first
        for before, first, second in found
        if first[:1] == "|" != before[:1] and not re.fullmatch(r"\|[\s:|-]+\|", second)
    ]


def loose_footnotes(text):
    """Lists the names of footnotes that are only referred to, or only defined, or defined twice."""
    defined = re.findall(r"^\[\^([\w-]+)\]:", text, re.MULTILINE)
    named = set(re.findall(r"\[\^([\w-]+)\](?!:)", text))
    return sorted(named.symmetric_difference(defined)) + [
        name for name in set(defined) if defined.count(name) > 1
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tables_have_heads_and_footnotes_have_texts(document):
    """GitHub shows a table without a head as lines of text, and a footnote without one as typed."""
    text = re.sub("^<!--.*-->$", "", document.read_text(), flags=re.MULTILINE)
    assert not headless(text)
    assert not loose_footnotes(text)


def test_what_they_find():
    assert headless("| a | b |\n|---|---:|\n| 1 | 2 |\n\n| 3 | 4 |\n| 5 | 6 |") == ["| 3 | 4 |"]
    assert loose_footnotes("one[^a] two[^b]\n\n[^a]: A\n[^c]: C\n[^a]: A") == ["b", "c", "a"]


def test_the_readme_is_a_page():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 110


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for link in LINK.findall(document.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link
