"""The stop rules of connection.md section 9 for offset and page as tables: rule after rule, case after case."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock import JSON, StopReason


def items(count: int, start: int = 0) -> list[JSON]:
    return [{"id": start + index} for index in range(count)]


@dataclass(frozen=True)
class Case:
    """A read of scripted answers with pageSize 2 unless ``settings`` say otherwise."""

    name: str
    answers: list[JSON]
    reason: StopReason
    offsets: list[int] | None = None
    """Offsets asked for; None where the case is not for ``offset``."""
    pages: list[int] | None = None
    """Pages asked for; None where the case is not for ``page``."""
    settings: dict[str, object] = field(default_factory=dict[str, object])


def full(start: int, **others: JSON) -> JSON:
    return {"items": items(2, start), **others}


def nested(place: tuple[str, ...], value: JSON) -> dict[str, JSON]:
    for name in reversed(place):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def empty(**others: JSON) -> JSON:
    return {"items": [], **others}


RULE_1 = [
    Case("one record and nothing else", [{"id": 1}], StopReason.NO_HINT, [0], [1]),
    Case("one record, a scalar", ["text"], StopReason.NO_HINT, [0], [1]),
    Case("nothing at all (204)", [None], StopReason.NO_HINT, [0], [1]),
    Case(
        "a record that says more follows",
        [{"id": 1, "has_more": True}, {"has_more": False}],
        StopReason.NO_MORE,
        [0, 2],
    ),
    Case("a record with an empty next", [{"id": 1, "next": None}], StopReason.NO_MORE, [0], [1]),
    Case("a record with a next", [{"next": "/2"}, {"id": 2, "next": ""}], StopReason.NO_MORE, [0, 2], [1, 2]),
]
FALSY: list[JSON] = [False, 0, "", [], {}]
TRUTHY: list[JSON] = [True, 1, "cursor", "false", [0], {"after": None}]
HINTS = [(*prefix, name) for prefix in ((), ("meta",), ("pagination",)) for name in ("has_more", "hasMore")]

RULE_2 = [
    Case(f"{'.'.join(place)} is {value!r}", [full(0, **nested(place, value))], StopReason.NO_MORE, [0], [1])
    for value in FALSY
    for place in HINTS
] + [
    Case("hasMorePath", [full(0, p={"more": False})], StopReason.NO_MORE, [0], [1], {"hasMorePath": ".p.more"}),
    Case("lastPagePath", [full(0, p={"last": True})], StopReason.NO_MORE, [0], [1], {"lastPagePath": "p.last"}),
    Case(
        "hasMorePath counts before lastPagePath",
        [full(0, more=False, last=False)],
        StopReason.NO_MORE,
        [0],
        [1],
        {"hasMorePath": "more", "lastPagePath": "last"},
    ),
    Case(
        "lastPagePath counts before the usual names",
        [full(0, last=True, has_more=True)],
        StopReason.NO_MORE,
        [0],
        [1],
        {"lastPagePath": "last"},
    ),
]
RULE_3 = [
    Case("an empty first page", [empty()], StopReason.EMPTY_PAGE, [0], [1]),
    Case("an empty list", [[]], StopReason.EMPTY_PAGE, [0], [1]),
    Case("an empty page after full ones", [full(0), full(2), empty()], StopReason.EMPTY_PAGE, [0, 2, 4], [1, 2, 3]),
    Case(
        "an empty page that says more follows",
        [full(0, has_more=True), empty(has_more=True), full(4, has_more=False)],
        StopReason.NO_MORE,
        [0, 2, 4],
        [1, 2, 3],
    ),
    Case(
        "ten empty pages in a row that say more follows",
        [full(0, has_more=True), *[empty(has_more=True)] * 10],
        StopReason.EMPTY_PAGES,
        list(range(0, 22, 2)),
        list(range(1, 12)),
    ),
    Case(
        "ten empty pages, but not in a row",
        [*[empty(has_more=True)] * 9, full(0, has_more=True), *[empty(has_more=True)] * 9, full(2, has_more=False)],
        StopReason.NO_MORE,
        list(range(0, 40, 2)),
        list(range(1, 21)),
    ),
]
RULE_4 = [
    Case("the same items again", [full(0), full(0)], StopReason.REPEATED_PAGE, [0, 2], [1, 2]),
    Case(
        "the same items again, and more is promised",
        [full(0, has_more=True), full(0, has_more=True)],
        StopReason.REPEATED_PAGE,
        [0, 2],
        [1, 2],
    ),
    Case(
        "more items than were asked for, again and again",
        [items(9), items(9)],
        StopReason.REPEATED_PAGE,
        [0, 2],
        [1, 2],
    ),
]
RULE_5 = [
    Case(
        f"{value!r} means that more follows",
        [full(0, has_more=value), full(2, has_more=False)],
        StopReason.NO_MORE,
        [0, 2],
        [1, 2],
    )
    for value in TRUTHY
] + [
    Case(
        "a short page that says more follows",
        [{"items": items(1), "has_more": True}, {"items": items(2, 1), "has_more": False}],
        StopReason.NO_MORE,
        [0, 1],
        [1, 2],
    ),
    Case(
        "a missing hasMorePath says nothing, so the usual names count",
        [full(0, has_more=True), empty(has_more=False)],
        StopReason.NO_MORE,
        [0, 2],
        [1, 2],
        {"hasMorePath": "paging.more"},
    ),
]
RULE_6 = [
    Case(f"{name}: {value!r} ends pages", [full(0, **{name: value})], StopReason.NO_MORE, None, [1])
    for name in ("next", "next_page")
    for value in (None, "", False, 0)
] + [
    Case(
        "next goes on after a short page",
        [{"items": items(1), "next": "/2"}, {"items": items(1, 1), "next": None}],
        StopReason.NO_MORE,
        None,
        [1, 2],
    ),
    Case(
        "one of next and next_page is enough",
        [full(0, next=None, next_page=2), full(2, next=None, next_page=None)],
        StopReason.NO_MORE,
        None,
        [1, 2],
    ),
    Case("offsets do not heed next", [full(0, next=None), empty(next=None)], StopReason.EMPTY_PAGE, [0, 2]),
]
RULE_7 = [
    Case(
        f"{'.'.join(place)} says how many there are",
        [full(0, **nested(place, 4)), full(2, **nested(place, 4))],
        StopReason.TOTAL_REACHED,
        [0, 2],
        [1, 2],
    )
    for prefix in ((), ("meta",), ("pagination",))
    for name in ("total", "total_count", "totalCount", "count")
    for place in [(*prefix, name)]
] + [
    Case("all on the first page", [full(0, total=2)], StopReason.TOTAL_REACHED, [0], [1]),
    Case("more than asked for, but all", [{"items": items(5), "total": 5}], StopReason.TOTAL_REACHED, [0], [1]),
    Case(
        "a short page is not the end while the total is not reached",
        [{"items": items(1), "total": 3}, {"items": items(1, 1), "total": 3}, {"items": items(1, 2), "total": 3}],
        StopReason.TOTAL_REACHED,
        [0, 1, 2],
        [1, 2, 3],
    ),
    Case(
        "a total below what came is not believed",
        [full(0, total=1), full(2, total=2), empty(total=0)],
        StopReason.EMPTY_PAGE,
        [0, 2, 4],
        [1, 2, 3],
    ),
    Case("nor -1", [full(0, total=-1), empty(total=-1)], StopReason.EMPTY_PAGE, [0, 2], [1, 2]),
    Case(
        "a count of just this page is no total",
        [full(0, count=2), full(2, count=2), {"items": items(1, 4), "count": 1}],
        StopReason.SHORT_PAGE,
        [0, 2, 4],
        [1, 2, 3],
    ),
    Case(
        "the next credible number counts",
        [full(0, count=2, meta={"total": 4}), full(2, count=2, meta={"total": 4})],
        StopReason.TOTAL_REACHED,
        [0, 2],
        [1, 2],
    ),
    Case("true is no number", [full(0, total=True), empty()], StopReason.EMPTY_PAGE, [0, 2], [1, 2]),
]
_HUNDRED: dict[str, object] = {"pageSize": 100}
RULE_8 = [
    Case("a short first page", [{"items": items(1)}], StopReason.SHORT_PAGE, [0], [1]),
    Case("a short list", [items(1)], StopReason.SHORT_PAGE, [0], [1]),
    Case("a short page after full ones", [full(0), {"items": items(1, 2)}], StopReason.SHORT_PAGE, [0, 2], [1, 2]),
    Case("37 items instead of 100", [items(37)], StopReason.SHORT_PAGE, [0], [1], _HUNDRED),
    Case("a handful instead of 100", [items(5)], StopReason.SHORT_PAGE, [0], [1], _HUNDRED),
    *[
        Case(
            f"{cap} items instead of 1024 may be a cap, and is none",
            [items(cap), []],
            StopReason.EMPTY_PAGE,
            [0, cap],
            [1, 2],
            {"pageSize": 1024},
        )
        for cap in (10, 16, 20, 25, 30, 50, 64, 75, 100, 200, 250, 256, 500, 1000)
    ],
    Case(
        "a server that gives 50 instead of 100 is read to its end",
        [items(50), items(50, 50), items(50, 100), items(7, 150)],
        StopReason.SHORT_PAGE,
        [0, 50, 100, 150],
        [1, 2, 3, 4],
        _HUNDRED,
    ),
]
RULE_9 = [Case("full pages go on", [full(0), full(2), full(4), empty()], StopReason.EMPTY_PAGE, [0, 2, 4, 6])]
RULES = (RULE_1, RULE_2, RULE_3, RULE_4, RULE_5, RULE_6, RULE_7, RULE_8, RULE_9)
