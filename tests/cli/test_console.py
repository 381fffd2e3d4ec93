from __future__ import annotations

import json

import pytest

from penstock.cli.console import printable, table, to_json


def test_a_table_has_aligned_columns_and_one_line_per_row() -> None:
    text = table(["name", "count", "note"], [["a", 1, "first"], ["longer", 12345, ""]], numbers=["count"])

    assert text.splitlines() == [
        "name     count  note",
        "------  ------  -----",
        "a            1  first",
        "longer  12,345",
    ]


def test_a_table_without_rows_is_its_heading() -> None:
    assert table(["kind", "status"], []).splitlines() == ["kind  status", "----  ------"]


def test_wide_characters_do_not_push_columns_out_of_line() -> None:
    lines = table(["name", "x"], [["東京", "1"], ["Oslo", "2"], ["Zürich", "3"]]).splitlines()

    assert lines[2:] == ["東京    1", "Oslo    2", "Zürich  3"]


def test_a_cell_stays_on_its_line() -> None:
    assert table(["x"], [["one\ntwo\tthree"]]).splitlines()[-1] == "one two three"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;owned\x07", "\\u001b[2J\\u001b]0;owned\\u0007"),
        ("a\rb\x9b", "a\\u000db\\u009b"),
        ("invoice\u202efdp.exe", "invoice\\u202efdp.exe"),
        ("line\n\tindented", "line\n\tindented"),
        ("Zürich 東京 👩‍💻", "Zürich 東京 👩‍💻"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("value", [2**53 + 1, 2**64 - 1, 2**64, -(2**70)])
def test_integers_keep_every_digit(value: int) -> None:
    assert json.loads(to_json({"id": value})) == {"id": value}
    assert to_json({"id": value}, indent=False) == b'{"id":%d}' % value
