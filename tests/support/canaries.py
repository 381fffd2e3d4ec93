"""Secrets that cannot be mistaken for anything else, and the search for them in whatever a person or a log may see."""

from __future__ import annotations

import re
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from gc import get_referents
from itertools import product
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final, cast

from pydantic import BaseModel

from support.server import Received

AWKWARD: Final = "5a+/\"&=;?<>%'\\#@,~x yz"
"""What URLs, JSON, HTML and base64 spell in other ways, between a few letters."""
PLAIN: Final = "lain0Canary1"
_MARKS: Final = ("QXZJ", "qxzj", "KVWG", "kvwg")
_ENOUGH: Final = 6
"""Characters whose base64 is too long to come by chance."""
_JWT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.([\w-]+)")
_DIGEST: Final = re.compile(r'response="(\w+)"')
_VERIFIER: Final = re.compile(r"code_verifier=([\w-]+)")
_SIGNATURE: Final = "X-Signature"
"""The header in which tests of ``authType: hmac`` send theirs."""


class Canaries:
    """Makes secrets, and knows them again by their first or last four characters: no other text has these."""

    def __init__(self) -> None:
        self._marks = map("".join, product(*_MARKS))
        self._needles: dict[str, str] = {}

    def __call__(self, name: str, middle: str = AWKWARD) -> str:
        """Return a new secret; its ends are letters, which every encoding but base64 leaves as they are."""
        begin, end = next(self._marks), next(self._marks)
        canary = f"{begin}{middle}{end}"
        self._needles |= dict.fromkeys((begin, end), name)
        self._watch_base64(name, canary[:_ENOUGH], canary[-_ENOUGH:])
        return canary

    def long(self, name: str) -> str:
        """Return a secret that is long enough to sign with."""
        return self(name, AWKWARD + PLAIN * 5)

    def text(self, name: str, text: str) -> str:
        """Watch for a secret made elsewhere, line by line and member by member, and return it."""
        for word in re.findall(r"[\w+/=-]{16,}", text):
            self._needles |= dict.fromkeys((word[:12], word[-12:]), name)
            self._watch_base64(name, word[:12], word[-12:])
        return text

    def sent(self, requests: Iterable[Received]) -> None:
        """Watch for what was signed: assertions, tokens, digests, verifiers."""
        for request in requests:
            text = text_of(request)
            for pattern in (_JWT, _DIGEST, _VERIFIER):
                for signature in pattern.findall(text):
                    self.text(f"signature {pattern.pattern}", signature)
            if signature := request.headers.get(_SIGNATURE):
                self.text("signature", signature)

    def _watch_base64(self, name: str, *parts: str) -> None:
        for part, shift, encode in product(parts, range(3), (b64encode, urlsafe_b64encode)):
            encoded = encode(bytes(shift) + part.encode()).decode().rstrip("=")
            spoilt = (0, 2, 3)[shift]
            whole = (len(part) + shift) * 8 // 6
            self._needles[encoded[spoilt:whole]] = f"{name} in base64"

    def found_in(self, places: Mapping[str, str]) -> list[str]:
        """Return where secrets are, with a few characters around each."""
        return [
            f"{name} in {place}: {text[max(0, at - 60) : at + 40]!r}"
            for place, text in places.items()
            for needle, name in self._needles.items()
            if (at := text.find(needle)) >= 0
        ]


def text_of(request: Received) -> str:
    """Return all that a request says."""
    return f"{request.target} {list(request.headers.items())} {request.body.decode(errors='replace')}"


def files_in(folder: Path, given: Iterable[Path] = ()) -> dict[str, str]:
    """Return what the files in a folder hold, but for those that the user wrote."""
    skipped = set(given)
    found: dict[str, str] = {}
    for path in folder.rglob("*"):
        if path not in skipped and path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes().decode(errors="replace")
    return found


def exceptions_in(error: BaseException | None) -> Iterator[BaseException]:
    """Iterate over an exception, what caused it, what it came in the way of, and what it groups."""
    waiting, met = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in met:
            continue
        met.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", one).exceptions


def shown_by(error: BaseException | None) -> dict[str, str]:
    """Return all that an exception and those behind it say."""
    shown = {
        f"exception {type(one).__name__}": f"{one} {one!r} {one.args!r} {getattr(one, '__notes__', ())!r}"
        for one in exceptions_in(error)
    }
    if error is not None:
        shown["traceback"] = "".join(traceback.format_exception(error))
    return shown


def objects_behind(*roots: object) -> dict[str, str]:
    """Return how everything of ours shows itself that can be reached from these."""
    waiting, met, shown = list[Any](roots), dict[int, Any](), dict[str, str]()
    while waiting:
        one = waiting.pop()
        if id(one) in met or isinstance(one, type | ModuleType | FunctionType):
            continue
        met[id(one)] = one
        # the scripted server is on the other side: it may show what it was sent
        if type(one).__module__.startswith("penstock") and not type(one).__module__.startswith("penstock.testing"):
            text = f"{one!r} {one}"
            shown[f"object {type(one).__qualname__} {len(met)}"] = text
            if isinstance(one, BaseModel):
                shown[f"dump {type(one).__qualname__} {len(met)}"] = one.model_dump_json(by_alias=True)
        waiting += get_referents(one)
    return shown
