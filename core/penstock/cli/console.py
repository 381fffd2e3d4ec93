"""Where words go: what is for people to stderr, data to stdout."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import click

# an API's texts end up on terminals, which obey control characters and reorder text for others
_UNPRINTABLE: Final = {
    code: f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}
_GAP: Final = "  "
_LONGEST_RULE: Final = 40
"""Of the last column, whose text may be long."""


def say(text: str = "") -> None:
    """Write a line for people to stderr."""
    click.echo(printable(text), err=True)


def put(text: str) -> None:
    """Write a line of data to stdout.

    Raises:
        OutputError: It cannot be written, and why.
    """
    with _into_stdout():
        click.echo(printable(text))


def put_json(value: object, *, indent: bool = True) -> None:
    """Write a JSON document, and a line's end, to stdout."""
    put_bytes(to_json(value, indent=indent) + b"\n")


def put_bytes(data: bytes) -> None:
    """Write bytes to stdout as they are."""
    put_parts([data])


def put_parts(parts: Iterable[bytes]) -> None:
    """Write bytes to stdout as they are, part by part; raises OutputError as ``put`` does."""
    with _into_stdout():
        sys.stdout.flush()
    for part in parts:
        with _into_stdout():
            sys.stdout.buffer.write(part)
    with _into_stdout():
        sys.stdout.buffer.flush()


def to_json(value: object, *, indent: bool = True) -> bytes:
    """Return a value as JSON, for people with ``indent``; integers beyond 64 bits keep every digit."""
    import orjson

    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0)
    except TypeError:
        import json

        separators = None if indent else (",", ":")
        return json.dumps(value, ensure_ascii=False, indent=2 if indent else None, separators=separators).encode()


def printable(text: str) -> str:
    """Return the text with control characters (but for new lines and tabs) written out."""
    return text.translate(_UNPRINTABLE)


def interactive() -> bool:
    """Whether a person is watching stderr on a terminal that can redraw a line."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def table(titles: Sequence[str], rows: Sequence[Sequence[Any]], *, numbers: Collection[str] = ()) -> str:
    """Return a plain table, one line a row; columns named in ``numbers`` are aligned to the right.

    It looks the same on a terminal, in a file and in a pipe, and lines can be taken apart at double blanks.
    """
    cells = [list(titles)] + [[_cell(value) for value in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    right = [title in numbers for title in titles]
    lines = [
        _GAP.join(
            " " * (width - _width(cell)) + cell if is_right else cell + " " * (width - _width(cell))
            for cell, width, is_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    ]
    widths[-1] = min(widths[-1], _LONGEST_RULE)
    lines.insert(1, _GAP.join("-" * width for width in widths))
    return "\n".join(lines)


@contextmanager
def _into_stdout() -> Generator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # nobody reads on, which is no error
    except OSError as error:
        from penstock.errors import OutputError

        give_up_stdout()
        raise OutputError(f"stdout cannot be written: {error.strerror or error}") from error


def give_up_stdout() -> None:
    """Lose what could not be written: the interpreter would try once more as it ends, and end otherwise for that."""
    with suppress(OSError, ValueError):  # it may be no file
        place = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, place)
        os.close(nowhere)


def _cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return printable(" ".join(text.split()))


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
