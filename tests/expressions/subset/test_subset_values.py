"""What compiled expressions give: every line is checked against libjq too."""

import json

import pytest

from penstock.expressions.compiler import Compiled, Undecided, compile_subset
from penstock.values import JSON
from support.jq_oracle import agrees, libjq

ITEM: JSON = {
    "id": 7,
    "name": "Ada Lovelace",
    "mail": None,
    "admin": False,
    "big": 12345678901234567890,
    "price": 1.5,
    "tags": ["x", None, "y"],
    "team": {"slug": "core", "lead": {"name": "Grace"}},
    "labels": {"tier": "1", "env": "prod"},
    "rows": [{"k": "a", "v": 1}, {"k": "b", "v": 2}, {"k": "a", "v": 3}],
    "if": "keyword",
    "two words": 2,
}

PATHS: dict[str, list[JSON]] = {
    ".": [ITEM],
    ".name": ["Ada Lovelace"],
    ".nope.deep": [None],
    ".team.lead.name": ["Grace"],
    '."two words"': [2],
    '.["two words"]': [2],
    ".if": ["keyword"],
    ".team .lead | .name": ["Grace"],
    ".tags[0]": ["x"],
    ".tags[-1]": ["y"],
    ".tags[9]": [None],
    ".tags[1.7]": [None],
    ".tags[1:]": [[None, "y"]],
    ".name[4:]": ["Lovelace"],
    ".name[:-5]": ["Ada Lov"],
    ".mail[1:2]": [None],
    ".id?": [7],
    ".id.x?": [],
    ".id[]?": [],
    ".tags[]": ["x", None, "y"],
    ".labels[]": ["1", "prod"],
    ".rows[].v": [1, 2, 3],
    ".rows[.id - 6].k": ["b"],
    '.team["slug", "lead"] | type': ["string", "object"],
}
OPERATORS: dict[str, list[JSON]] = {
    ".mail // .admin // .name": ["Ada Lovelace"],
    '.id.x? // "d"': ["d"],
    ".tags[] // 1": ["x", "y"],
    "empty // 1": [1],
    ".id == 7.0": [True],
    ".id <= 7.0, .id >= 7.0, .id < 7.0, .id > 7.0": [True, True, False, False],
    ".admin == 0": [False],
    ".admin == false": [True],
    "[1] == [true]": [False],
    "{a: 1} == {a: 1.0}": [True],
    '"b" > "a" and null < false and false < true and true < 0 and 0 < "" and "" < [] and [] < {}': [True],
    ".mail != null": [False],
    ".admin and .id.x": [False],
    ".id or .id.x": [True],
    "1 + 2 * 3 - -1": [8],
    "7 % 3, -7 % 3, 6 / 4, 6 / 3": [1, -1, 1.5, 2],
    ".price * 2": [3],
    "null + .id": [7],
    '"ab" * 2, "a,b" / ","': ["abab", ["a", "b"]],
    "[1, 2, 1] - [1]": [[2]],
    "{a: {b: 1}} * {a: {c: 2}}, {a: 1} + {a: 2}": [{"a": {"b": 1, "c": 2}}, {"a": 2}],
    "(1, 2) + (10, 20)": [11, 12, 21, 22],
    "-.id": [-7],
    ".big": [12345678901234567890],
    ".big | tostring": ["12345678901234567890"],
    "-.big": [-12345678901234567890],
    ".big == 12345678901234567891": [False],
    "[.big, 12345678901234567891] | max": [12345678901234567891],
}
FORMS: dict[str, list[JSON]] = {
    '"\\(.name) <\\(.mail)>"': ["Ada Lovelace <null>"],
    '"\\(1, 2)-\\(3, 4)"': ["1-3", "2-3", "1-4", "2-4"],
    "if .admin then 1 elif .mail then 2 else 3 end": [3],
    "if .admin then 1 end | .id": [7],
    "[.tags[] | select(. != null)]": [["x", "y"]],
    "[.id, .tags[0], empty]": [[7, "x"]],
    '{id, name: .team.slug, "if", (.tags[0]): 1}': [{"id": 7, "name": "core", "if": "keyword", "x": 1}],
    "{a: (1, 2), b: (3, 4)} | [.a, .b]": [[1, 3], [1, 4], [2, 3], [2, 4]],
    "{a: 1 | . + 1,}": [{"a": 2}],
    ".id as $x | .rows[] | .v + $x": [8, 9, 10],
    ".name as $n | {$n} + {($n): 1}": [{"n": "Ada Lovelace", "Ada Lovelace": 1}],
    "[.rows[] as $r | $r.k, $r.v]": [["a", 1, "b", 2, "a", 3]],
    ". as $if | $if.id # a comment": [7],
}
BUILTINS: dict[str, list[JSON]] = {
    ".id | tostring": ["7"],
    '"007", "-5", "2.5" | tonumber': [7, -5, 2.5],
    ".tags | tojson": ['["x",null,"y"]'],
    '"ÄbC" | ascii_downcase, ascii_upcase': ["Äbc", "ÄBC"],
    '.name | split(" ") | first, last': ["Ada", "Lovelace"],
    '"", "a,", "ab" | split(",")': [[], ["a", ""], ["ab"]],
    '"añ" | split("")': [["a", "ñ"]],
    '.tags | join("-")': ["x--y"],
    '[1, true, null, "a"] | join(",")': ["1,true,,a"],
    ".name, .tags, .labels, .mail, -1.5 | length": [12, 3, 2, 0, 1.5],
    '.name | startswith("Ada"), endswith("x"), contains("Love")': [True, False, True],
    '"a.b.a" | ltrimstr("a."), rtrimstr(".a"), trimstr("a")': ["b.a", "a.b", ".b."],
    '"\\u00a0 x\\t" | trim, ltrim, rtrim': ["x", "x\t", "\u00a0 x"],
    '"añb" | index("b"), rindex("z"), utf8bytelength': [2, None, 4],
    ".labels | keys, keys_unsorted, to_entries[0]": [["env", "tier"], ["tier", "env"], {"key": "tier", "value": "1"}],
    '.labels | has("env"), (.tier | in({"1": 2}))': [True, True],
    '.labels | with_entries(select(.key == "env"))': [{"env": "prod"}],
    ".labels | map_values(. + .), del(.env)": [{"tier": "11", "env": "prodprod"}, {"tier": "1"}],
    '[{name: "a", Value: 1}] | from_entries': [{"a": 1}],
    ".rows | map(.v) | add, min, max, sort, reverse": [6, 1, 3, [1, 2, 3], [3, 2, 1]],
    ".rows | sort_by(.k) | map(.v)": [[1, 3, 2]],
    ".rows | group_by(.k) | map(length)": [[2, 1]],
    ".rows | unique_by(.k) | map(.v)": [[1, 2]],
    ".rows | min_by(.k).v, max_by(.k).v": [1, 2],
    "[{k: 1, v: 1}, {k: 1, v: 2}] | min_by(.k).v, max_by(.k).v": [1, 2],
    "[3, 1, 3.0, true] | unique": [[True, 1, 3]],
    "[1, [2, [3]]] | flatten, flatten(1)": [[1, 2, 3], [1, 2, [3]]],
    "any(.rows[]; .v == 2), all(.rows[]; .v == 2), (.tags | any, all)": [True, False, True, False],
    '.tags | any(. == "y"), IN("z"), (.[0] | IN("x", "y"))': [True, False, True],
    "first(.rows[] | select(.v > 1)).v, last(.rows[]).v, isempty(.rows[])": [2, 3, False],
    "[first(empty), last(empty)]": [[]],
    "[.[] | strings, booleans] | length": [3],
    "[range(3), range(1; 3)]": [[0, 1, 2, 1, 2]],
    "2.5, -2.5 | floor, ceil, round, abs": [2, 3, 3, 2.5, -3, -2, -3, 2.5],
    ".rows | nth(1).v, map(.v, 0)": [2, [1, 0, 2, 0, 3, 0]],
    ".admin | not, type": [True, "boolean"],
    "[1, [2]] | contains([1]), inside([1, [2], 3])": [True, True],
    "add(.rows[].v), ([] | add)": [6, None],
}
TABLE: dict[str, list[JSON]] = {**PATHS, **OPERATORS, **FORMS, **BUILTINS}


def compiled(text: str) -> Compiled:
    program = compile_subset(text)
    assert program is not None
    return program


@pytest.mark.parametrize("text", TABLE)
def test_a_compiled_expression_gives_the_outputs_of_libjq(text: str) -> None:
    outputs = compiled(text).outputs(ITEM)
    assert json.dumps(outputs) == json.dumps(TABLE[text])
    texts = list(libjq(text).input_text(json.dumps(ITEM)))
    assert len(outputs) == len(texts)
    assert all(map(agrees, outputs, texts))


@pytest.mark.parametrize("text", TABLE)
def test_the_first_output_alone_is_the_first_of_all_or_null(text: str) -> None:
    program = compiled(text)
    assert json.dumps(program.first(ITEM)) == json.dumps(next(iter(TABLE[text]), None))
    assert len(TABLE[text]) == 1 or not program.exact_one


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (".a.b | tostring", True),
        ('.a? // "x"', True),
        ("[.a[]]", True),
        ("first(.a[], 1)", True),
        ("if .a then 1 else 2 end", True),
        (".a?", False),
        (".a[]", False),
        ("select(.a)", False),
        (".a, .b", False),
        ("empty", False),
    ],
)
def test_whether_there_is_exactly_one_output_is_known_from_the_text(text: str, known: bool) -> None:  # noqa: FBT001
    assert compiled(text).exact_one is known


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (".a", [1]),
        (".a.b", {"a": "text"}),
        (".[0]", {}),
        (".[]", None),
        ("tonumber", "1x"),
        ("tonumber", "1.50"),
        ("tonumber", "-0"),
        ("tostring", 1e16),
        ("tostring", [0.0001]),
        (". + 1", 2**53),
        (". + 1", 2**53 - 1),
        ("floor", 2**53 + 1),
        (". * -1", 0),
        ("-.", 0),
        ("1 / .", 0),
        (". % 0", 5),
        (". + 1", "a"),
        (". == 9007199254740993", 9007199254740992.0),
        ("length", True),
        ('join(",")', [[1]]),
        ("sort", "abc"),
        ("sort", [2**53 + 1, 1.5]),
        ("ascii_downcase", 1),
        ('ltrimstr("a")', 1),
        ('contains("a")', ["a"]),
        ("from_entries", [{"key": 1}]),
        ("{(.): 1}", 1),
        ("map(.a)", [1]),
        (".[1:.a]", {"a": 2}),
        (". * 1000000000", "ab"),
    ],
)
def test_what_jq_refuses_or_prints_differently_is_left_to_libjq(text: str, value: JSON) -> None:
    program = compiled(text)
    with pytest.raises(Undecided):
        program.outputs(value)
    with pytest.raises(Undecided):
        program.first(value)


def test_the_first_output_stands_although_a_later_one_fails() -> None:
    program = compiled(".[] | tonumber")
    assert program.first(["1", "x"]) == 1
    with pytest.raises(Undecided):
        program.outputs(["1", "x"])


def test_the_document_is_never_changed() -> None:
    record: JSON = {"a": {"b": [3, 1, 2]}, "c": [{"d": 1}]}
    before = json.dumps(record)
    for text in (
        "del(.a.b)",
        ".a.b | sort",
        ".a + {x: 1}",
        ".c | map_values(del(.d))",
        "[.c[], .c[]] | add",
        ". * {a: {z: 1}}",
    ):
        compiled(text).outputs(record)
    assert json.dumps(record) == before
