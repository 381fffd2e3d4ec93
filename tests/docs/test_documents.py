"""The documents hold what they promise: links lead somewhere, and what is shown as an example is one."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, takewhile
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import fields

from penstock.expressions import Evaluator
from penstock.journal import Reason
from penstock.sync.report import KindReport, Message, RunReport
from penstock.values import StopReason

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path for path in ROOT.rglob("*.md") if not {part for part in path.relative_to(ROOT).parts[:-1] if part[0] == "."}
)
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def _tokens(document: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(document.read_text(encoding="utf-8"))


def _inlines(document: Path) -> Iterator[Token]:
    return (child for token in _tokens(document) for child in token.children or ())


def _links(document: Path) -> list[str]:
    found = (token.attrGet("href") or token.attrGet("src") for token in _inlines(document))
    return [str(link) for link in found if link]


def _anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings."""
    tokens, seen, anchors = _tokens(document), Counter[str](), set[str]()
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open":
            text = "".join(child.content for child in inline.children or ())
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return anchors


def _blocks(document: Path, language: str) -> list[str]:
    return [token.content for token in _tokens(document) if token.type == "fence" and token.info == language]


def _examples(language: str, documents: list[Path]) -> list[object]:
    return [
        pytest.param(block, id=f"{document.relative_to(ROOT)}-{number}")
        for document in documents
        for number, block in enumerate(_blocks(document, language))
    ]


def _name(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_link_within_the_project_leads_somewhere(document: Path) -> None:
    broken: list[str] = []
    for link in _links(document):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (document.parent / path) if path else document
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_reachable_from_the_index() -> None:
    linked = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in _links(ROOT / "docs" / "index.md")}

    index = ROOT / "docs" / "index.md"
    assert [page.name for page in PAGES if page.resolve() not in linked and page != index] == []


@pytest.mark.parametrize("block", _examples("json", DOCUMENTS))
def test_an_example_of_json_is_json(block: str) -> None:
    assert json.loads(block) is not None


@pytest.mark.parametrize("block", _examples("yaml", DOCUMENTS))
def test_an_example_of_yaml_is_yaml(block: str) -> None:
    assert yaml.safe_load(block) is not None


@pytest.mark.parametrize("block", _examples("python", DOCUMENTS))
def test_an_example_of_python_compiles(block: str) -> None:
    assert compile(block, "example", "exec")


def test_the_page_on_reports_shows_every_field_of_a_report() -> None:
    [block] = _blocks(ROOT / "docs" / "exit-codes-and-report.md", "json")
    shown = json.loads(block)
    [kind] = shown["kinds"]
    run = {field.name for field in fields(RunReport)} - {"interrupted"} | {"status"}

    assert set(shown) == run
    assert set(kind) == {field.name for field in fields(KindReport)} - {"redact", "heard"}
    assert set(kind["errors"][0]) == {field.name for field in fields(Message)}


def test_the_page_on_reports_explains_every_stop_reason() -> None:
    assert _explained("| Complete") == {reason for reason in StopReason if reason.complete}
    assert _explained("| Incomplete") == {reason for reason in StopReason if not reason.complete}


def test_the_page_on_reports_explains_every_reason_to_hold_deletions() -> None:
    assert _explained("| Reason") == set(Reason)


def _explained(heading: str) -> set[str]:
    """What stands in the first column of the table with this heading."""
    text = (ROOT / "docs" / "exit-codes-and-report.md").read_text(encoding="utf-8")
    rows = text.partition(f"\n{heading}")[2].partition("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def _expressions() -> list[list[str]]:
    """Return the rows of the page's table of expressions: the expression, a record, what it gives."""
    page = MarkdownIt("commonmark").enable("table").parse((ROOT / "docs" / "mapping.md").read_text(encoding="utf-8"))
    cells = [token.children or [] for token in page if token.type == "inline"]
    codes = [cell[0].content if [child.type for child in cell] == ["code_inline"] else "" for cell in cells]
    start = [cell[0].content if cell else "" for cell in cells].index("Expression") + 3
    rows = [codes[at : at + 3] for at in range(start, len(codes) - 2, 3)]
    return list(takewhile(all, rows))


@pytest.mark.parametrize(("expression", "record", "result"), _expressions())
def test_an_expression_gives_what_the_page_says(expression: str, record: str, result: str) -> None:
    with Evaluator(workers=1) as evaluator:
        assert evaluator.compile(expression).first(json.loads(record)) == json.loads(result)


def _commands() -> list[str]:
    lines = (line for document in DOCUMENTS for block in _blocks(document, "console") for line in block.splitlines())
    shown = (part for line in lines if line.startswith("$ ") for part in re.split(r"&&|\|\||\|", line[2:]))
    return sorted({part.split("#")[0].strip() for part in shown if re.match(r"\s*penstock\b", part)})


@pytest.mark.parametrize("line", _commands())
def test_a_command_that_is_shown_exists_with_its_options(line: str) -> None:
    words = shlex.split(line)[1:]
    command = [sys.executable, "-m", "penstock", *words, "--help"]
    shown = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (shown.returncode, shown.stderr) == (0, "")
