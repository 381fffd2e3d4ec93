"""Links in bodies and headers, and the read of one page."""

from __future__ import annotations

import pytest

from penstock import JSON, Stop, StopReason
from penstock.testing.paging import read_in_any_case
from penstock_pagination.header_link import HeaderLink, find_link
from penstock_pagination.next_link import NextLink
from penstock_pagination.none import NoPagination
from support.paging import Answer, config_of, read, script

NEXT, HEADER = NextLink(), HeaderLink()
ITEM: JSON = {"id": 1}
OTHER: JSON = {"id": 2}
SECOND = "https://api.test/items?$skiptoken=a%2Fb"


def page(item: JSON = ITEM, **others: JSON) -> Answer:
    return Answer({"items": [item], **others})


def linked(item: JSON, *links: str) -> Answer:
    return Answer([item], {"Link": ", ".join(links)} if links else {})


def test_none_asks_once() -> None:
    reading = read(NoPagination(), config_of(NoPagination()), script(page(has_more=True, next="/2")))

    assert reading.reason is StopReason.SINGLE_REQUEST
    assert [(request.params, request.url) for request in reading.requests] == [({}, None)]


@pytest.mark.parametrize("more", [{"has_more": True}, {"hasMore": True}, {"meta": {"has_more": True}}])
def test_none_warns_of_the_pages_that_it_does_not_ask_for(more: dict[str, JSON]) -> None:
    stop = read(NoPagination(), config_of(NoPagination()), script(page(**more))).stop

    assert stop is not None
    assert stop.warning
    assert "set paginationType" in stop.detail


@pytest.mark.parametrize("whole", [{}, {"has_more": False}, {"hasMore": None}])
def test_none_is_content_with_an_answer_that_is_whole(whole: dict[str, JSON]) -> None:
    reading = read(NoPagination(), config_of(NoPagination()), script(page(**whole)))

    assert reading.stop == Stop(StopReason.SINGLE_REQUEST)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("@odata.nextLink", {"@odata.nextLink": SECOND}),
        (".@odata.nextLink", {"@odata.nextLink": SECOND}),
        ("links.next", {"links": {"next": SECOND}}),
        ("links.next", {"links.next": SECOND, "links": {"next": "elsewhere"}}),
        ("_links.next.href", {"_links": {"next": {"href": SECOND}}}),
        ("links[-1].href", {"links": [{"href": "x"}, {"href": SECOND}]}),
    ],
)
def test_the_link_in_the_body_is_asked_for_as_it_is(path: str, answer: dict[str, JSON]) -> None:
    reading = read(NEXT, config_of(NEXT, nextLinkPath=path), script(page(**answer), page(OTHER)))

    assert [request.url for request in reading.requests] == [None, SECOND]
    assert [dict(request.params) for request in reading.requests] == [{}, {}]
    assert reading.reason is StopReason.NO_LINK


@pytest.mark.parametrize("link", [None, "", False, 0, [], {}])
def test_an_empty_link_is_the_end(link: JSON) -> None:
    reading = read(NEXT, config_of(NEXT), script(page(**{"@odata.nextLink": link})))

    assert reading.reason is StopReason.NO_LINK


@pytest.mark.parametrize("answer", [None, [], "text", {"items": [1]}])
def test_an_answer_without_a_link_is_the_end(answer: JSON) -> None:
    assert read(NEXT, config_of(NEXT), script(answer)).reason is StopReason.NO_LINK


@pytest.mark.parametrize("link", [{"href": SECOND}, [SECOND], 2, True])
def test_a_link_that_is_no_text_is_an_error_that_names_the_setting(link: JSON) -> None:
    stop = read(NEXT, config_of(NEXT), script(page(**{"@odata.nextLink": link}))).stop

    assert stop is not None
    assert stop.reason is StopReason.MISSING_CURSOR
    assert "nextLinkPath" in stop.detail


def test_a_link_to_a_page_that_was_read_ends_in_an_error() -> None:
    answers = [page(**{"@odata.nextLink": "/2"}), page(OTHER, **{"@odata.nextLink": "/2"})]

    assert read(NEXT, config_of(NEXT), script(*answers)).reason is StopReason.REPEATED_REQUEST


def test_new_links_to_the_same_page_end_in_an_error_after_two_requests() -> None:
    answers = [page(**{"@odata.nextLink": f"/{number}"}) for number in range(9)]

    reading = read(NEXT, config_of(NEXT), script(*answers))

    assert (reading.reason, len(reading.requests)) == (StopReason.REPEATED_PAGE, 2)
    assert reading.items == [ITEM]


def test_header_links_are_followed_to_the_last_page() -> None:
    answers = [
        linked(ITEM, f'<{SECOND}>; rel="next"', '<https://api.test/items?page=9>; rel="last"'),
        linked(OTHER, '<https://api.test/items>; rel="first"'),
    ]

    reading = read(HEADER, config_of(HEADER), script(*[Answer(a.body, {"link": a.headers["Link"]}) for a in answers]))

    assert [request.url for request in reading.requests] == [None, SECOND]
    assert reading.reason is StopReason.NO_LINK


def test_no_link_header_is_the_end() -> None:
    assert read(HEADER, config_of(HEADER), script(linked(ITEM))).reason is StopReason.NO_LINK


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<u2>; rel="next"', "u2"),
        ("<u2>; rel=next", "u2"),
        ("<u2>;rel=next", "u2"),
        ('<u2> ; REL = "NEXT"', "u2"),
        ('<u2>; rel="prev next"', "u2"),
        ('<u2>; title="a, b; c=<d>"; rel="next"', "u2"),
        ('<u2>; title="quo\\"te, <x>; rel=next"; rel="next"', "u2"),
        ("<u2>; title*=UTF-8''n%c3%a4chste; rel=next", "u2"),
        ('<a,b;c>; rel="next"', "a,b;c"),
        ('<u1>; rel="prev", <u2>; rel="next"', "u2"),
        ('<u1>; rel="prev",<u2>; rel="next",<u3>; rel="last"', "u2"),
        ('<u2>; rel="next", <u3>; rel="next"', "u2"),
        ('<u1>; rel="first"; rel="next", <u2>; rel="next"', "u2"),
        ('<u1>; crossorigin; rel="prev", <u2>; crossorigin; rel="next"', "u2"),
        ('<u1>; rel="next-archive", <u2>; rel="next"', "u2"),
        ('<u1>; broken==, <u2>; rel="next"', "u2"),
        ('< u2 >; rel="next"', "u2"),
        ("<u2>", None),
        ('<u2>; rel=""', None),
        ("<u2>; rel", None),
        ('<u2>; rel="last"', None),
        ("<u2>; rel='next'", "u2"),
        ("<u2>; rel='next", "u2"),
        ("<u2>; rel='prev next'", "u2"),
        ("<u1>; rel='prev', <u2>; title='a; b, c'; rel='next'", "u2"),
        ("<u2>; rel*=UTF-8''next", None),
        ('<u2>; rel="next" ;', "u2"),
        ('garbage, <u2>; rel="next"', "u2"),
        ('<u2>; rel="last";, ,<u1>; rel=first ,', None),
        ("", None),
        (",", None),
    ],
)
def test_the_link_header_is_read_as_rfc_8288_has_it(header: str, target: str | None) -> None:
    assert find_link(header, "next") == target


@pytest.mark.parametrize(
    "header",
    [
        'u2; rel="next"',
        "garbage",
        '<u2>; rel="next',
        '<u2> rel="next"',
        '<u2>, rel="next"',
        "<u2>; rel: next",
        "<u2; rel=next",
        '<u1>; rel="prev", u2; rel="next"',
        '{"next": "u2"}',
    ],
)
def test_a_link_header_that_cannot_be_read_is_no_end(header: str) -> None:
    stop = read_in_any_case(HEADER, config_of(HEADER), script(Answer([ITEM], {"link": header}))).stop

    assert stop is not None
    assert stop.reason is StopReason.UNREADABLE_ANSWER
    assert header in stop.detail


def test_a_link_header_is_quoted_without_what_its_links_carry() -> None:
    header = f'https://me:pass@api.test/u?page=2&sig=abc#def; rel="next"{"x" * 1000}'
    stop = read_in_any_case(HEADER, config_of(HEADER), script(Answer([ITEM], {"link": header}))).stop

    assert stop is not None
    assert 'https://***@api.test/u?***; rel="next"xxx' in stop.detail
    assert len(stop.detail) < 500


def test_another_relation_can_be_followed() -> None:
    answer = Answer([ITEM], {"link": '<u1>; rel="next", <u2>; rel="https://rels.test/After"'})

    reading = read(HEADER, config_of(HEADER, headerLinkRel="https://rels.test/after"), script(answer, []))

    assert [request.url for request in reading.requests] == [None, "u2"]
