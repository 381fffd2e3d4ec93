from __future__ import annotations

from pathlib import Path

import pytest

from penstock.config.problems import Findings
from penstock.config.sources import text_of
from penstock.config.yaml_source import parse_yaml, read_yaml
from penstock.values import JSON


def _read(text: str) -> tuple[JSON, list[str]]:
    found = Findings()
    node = parse_yaml(text, "file.yml", found)
    return None if node is None else node.plain(), [str(problem) for problem in found.problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("-7", -7),
        ("12345678901234567890123", 12345678901234567890123),
        ("1.10", 1.1),
        ("2e3", 2000.0),
        ("1e999", "1e999"),
        ("0123", "0123"),
        (".5", ".5"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("~", None),
        ("null", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("12:30:45", "12:30:45"),
        (".id | tostring", ".id | tostring"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("'${TOKEN}'", "${TOKEN}"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars_are_numbers_constants_or_text_and_never_dates_or_booleans_by_surprise(
    written: str, value: JSON
) -> None:
    content, problems = _read(f"key: {written}\n")

    assert problems == []
    assert content == {"key": value}
    assert isinstance(content, dict)
    assert type(content["key"]) is type(value)


def test_numbers_remember_how_they_were_written() -> None:
    node = parse_yaml("version: 1.10", "file.yml", Findings())

    assert node is not None
    assert node.fields["version"].as_text() == "1.10"


def test_every_value_knows_its_path_and_its_line() -> None:
    node = parse_yaml("a:\n  b:\n    - x\n    - c: 1\n", "file.yml", Findings())

    assert node is not None
    deepest = node.find(["a", "b", 1, "c"])
    assert (deepest.path, deepest.source) == ("a.b[1].c", "file.yml:4")


def test_anchors_aliases_and_merge_keys_are_read_as_copies_at_their_place() -> None:
    text = "base: &base {x: 1, y: 2}\nmerged: {<<: *base, y: 3}\nboth: {<<: [*base, {z: 4}]}\nsame: *base\n"
    node = parse_yaml(text, "file.yml", Findings())

    assert node is not None
    assert node.plain() == {
        "base": {"x": 1, "y": 2},
        "merged": {"x": 1, "y": 3},
        "both": {"x": 1, "y": 2, "z": 4},
        "same": {"x": 1, "y": 2},
    }
    assert node.find(["merged", "x"]).path == "merged.x"


def test_an_empty_document_is_an_empty_mapping() -> None:
    assert _read("# nothing but a comment\n") == ({}, [])


def test_a_key_written_twice_is_a_problem_and_the_first_value_stays() -> None:
    assert _read("a: 1\nb: 2\na: 3\n") == (
        {"a": 1, "b": 2},
        ["file.yml:3: a: written twice; first at file.yml:1"],
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a: 1\nb: [\n",
            "file.yml:3: the file is not YAML: while parsing a flow node, did not find expected node content",
        ),
        ("a: b: c\n", "file.yml:1: the file is not YAML: mapping values are not allowed in this context"),
        (
            "ok: 1\na: {token: ${TOKEN}, b: 1}\n",
            (
                "file.yml:2: the file is not YAML: while parsing a flow mapping, did not find expected ',' or '}'; "
                "inside { } and [ ] text such as ${NAME} needs quotes"
            ),
        ),
        ("ok: 1\nbad: \x01\n", "file.yml:2: the file is not YAML: it contains a control character"),
        ("a: *nobody\n", "file.yml:1: a: the file is not YAML: text that begins with * needs quotes"),
        ("a: &loop [*loop]\n", "file.yml:1: a[0]: the file is not YAML: text that begins with * needs quotes"),
        ("a: 1\n---\nb: 2\n", "file.yml:2: a second document starts here; one is expected"),
        (
            "a: 1\nb: !include other.yml\n",
            "file.yml:2: b: YAML tags are not supported; text that begins with ! needs quotes",
        ),
        (
            "a: 1\nb:\n\tc: 2\n",
            (
                "file.yml:3: the file is not YAML: while scanning for the next token, "
                "found character that cannot start any token; lines are indented with blanks, not with tabs"
            ),
        ),
        ("a: 1\n? [b]\n: 2\n", "file.yml:2: a key must be text"),
        ("a: 1\n<<: 2\n", "file.yml:2: <<: << merges mappings only"),
        ("[" * 200_000, "file.yml:1: nested deeper than 100 levels"),
    ],
)
def test_what_is_no_usable_yaml_is_one_problem_with_its_line(text: str, problem: str) -> None:
    assert _read(text) == (None, [problem])


def test_a_few_aliases_cannot_grow_into_a_huge_document() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]

    content, problems = _read("\n".join(lines))

    assert content is None
    assert problems == ["file.yml:6: a5[0]: the document has more than 200000 values"]


def test_a_file_that_is_not_utf_8_is_a_problem() -> None:
    Path("file.yml").write_bytes(b"a: \xff\n")
    found = Findings()

    assert read_yaml(Path("file.yml"), text_of, found) is None
    assert list(map(str, found.problems)) == ["file.yml: the file is not UTF-8 text"]


def test_a_missing_file_is_a_problem() -> None:
    found = Findings()

    assert read_yaml(Path("file.yml"), text_of, found) is None
    assert list(map(str, found.problems)) == ["file.yml: cannot be read: No such file or directory"]


def test_a_byte_order_mark_is_not_part_of_the_first_key() -> None:
    Path("file.yml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    node = read_yaml(Path("file.yml"), text_of, Findings())

    assert node is not None
    assert node.plain() == {"a": 1}


@pytest.mark.parametrize("text", ["a: {key:hidden-value}\n", "a:\n  {key:hidden-value, b: 1}\n"])
def test_a_blank_that_is_missing_after_a_colon_is_a_problem_that_does_not_repeat_the_value(text: str) -> None:
    [problem] = _read(text)[1]
    assert problem.endswith(": a.key: a blank is missing after the colon")


def test_a_key_with_a_colon_may_have_a_value_or_quotes() -> None:
    assert _read('"a:b":\nc:d: 1\ne: {"f:g": null}\n') == ({"a:b": None, "c:d": 1, "e": {"f:g": None}}, [])
