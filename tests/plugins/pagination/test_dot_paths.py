"""Dot paths: how settings name a place in an answer."""

from __future__ import annotations

import pytest

from penstock import JSON
from penstock_pagination.paths import look_up

DOCUMENT: JSON = {
    "a": {"b": {"c": 1}, "list": [{"id": "x"}, {"id": "y"}], "null": None, "zero": 0},
    "a.b.c": "whole",
    "@odata.nextLink": "https://api.test/2",
    ".dotted": "dot",
    "odd[key]": "brackets",
    "rows": [[1, 2], [3]],
    "": "empty",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.zero", 0),
        (".a.zero", 0),
        ("a.b.c", "whole"),
        (".a.b.c", "whole"),
        ("a.b", {"c": 1}),
        ("@odata.nextLink", "https://api.test/2"),
        (".dotted", "dot"),
        ("a.list[0].id", "x"),
        ("a.list[-1].id", "y"),
        ("a.list[1]", {"id": "y"}),
        ("rows[0][-1]", 2),
        ("rows[1][0]", 3),
        ("odd[key]", "brackets"),
        ("a.null", None),
        ("a.null.deeper", None),
        ("a.missing", None),
        ("a.list.id", None),
        ("a.list[2]", None),
        ("a.list[-3]", None),
        ("a.b[0]", None),
        ("a.zero.deeper", None),
        ("rows[0].id", None),
        ("missing[0]", None),
    ],
)
def test_a_path_leads_to_its_value_or_to_null(path: str, value: JSON) -> None:
    assert look_up(DOCUMENT, path) == value


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        ([{"id": 1}, {"id": 2}], "[-1].id", 2),
        ([{"id": 1}, {"id": 2}], ".[0].id", 1),
        ([], "[-1].id", None),
        ([{"id": 1}], "id", None),
        (None, "a", None),
        ("text", "[0]", None),
    ],
)
def test_a_document_need_not_be_an_object(document: JSON, path: str, value: JSON) -> None:
    assert look_up(document, path) == value
