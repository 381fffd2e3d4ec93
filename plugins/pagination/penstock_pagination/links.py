"""What next_link and header_link have in common once they have found the link."""

from __future__ import annotations

from penstock import JSON, Page, PageRequest, Stop, StopReason


def follow(page: Page, link: JSON, setting: str) -> PageRequest | Stop:
    """Return the request for what a link names, or why it is not followed.

    Args:
        page: The page that has the link.
        link: What was found; anything falsy is no link.
        setting: The setting that says where links are.
    """
    if not link:
        return Stop(StopReason.NO_LINK)
    if not isinstance(link, str):
        detail = f"the link to the next page is no text; set {setting} to the URL itself"
        return Stop(StopReason.MISSING_CURSOR, detail)
    if page.repeats_previous:
        detail = "the page has the same items as one before it: its link leads nowhere new"
        return Stop(StopReason.REPEATED_PAGE, f"{detail}; set {setting} to where the link to the next page is")
    return PageRequest(url=link)
