"""The child process in which libjq runs.

Started as a script with ``python -I -S``, an empty environment and a memory limit, so it imports nothing of penstock
and sees no secret. It may hang or be aborted by libjq at any time: whoever started it watches it.

On stdin and stdout go frames: four bytes of length, big-endian, then the bytes. The first frame out says that the
worker is ready: empty, or why it is not. Each request is a JSON frame:

* ``{"check": [text, ...]}`` is answered with one frame, a JSON list of null or jq's message.
* ``{"columns": [column, ...], "rows": [[column index, bytes], ...], "limit": seconds, "patience": seconds}``
  is followed by a frame with the rows' JSON texts, joined. Each row is answered with one frame, in order; ready ones
  wait up to ``patience`` for others. A column is ``[guarded, [[mode, text], ...]]``; a guarded one ends after its first
  cell unless that gave true. An answer is a JSON list with one cell each: ``[]`` for no output, ``[value]``,
  ``{"e": message}`` for a failure, or ``{"s": message}`` for an expression that does not compile.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import resource
import signal
import struct
import sys
import time

TYPE_CHECKING = False  # typing itself would cost a third of the start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType
    from typing import Any, TypeAlias, TypeVar

    Value = TypeVar("Value")
    Cells: TypeAlias = list[list[str]]
    """``[mode, text]`` each."""
    Program: TypeAlias = Any
    """``jq`` carries no types."""

_REFUSED = (
    *("env", "halt", "halt_error", "halt_error($code)", "input", "inputs", "input_line_number"),
    *("modulemeta", "get_search_list", "get_prog_origin", "get_jq_origin"),
)
_HARMLESS = "def debug: .; def debug(f): (f | empty), .; def stderr: .; def input_filename: null; "
PRELUDE = _HARMLESS + "".join(
    f'def {name}: error("{name.partition("(")[0]} is not allowed in a mapping"); ' for name in _REFUSED
)
"""Shadows whatever reaches out of an expression."""
WRAPPED = "{{}} as $ENV | (\n{}\n)"

_GATHER = {"first": "[first({})]", "all": "[[{}]]", "count": "[[limit(2; {})] | length]"}
_ISOLATED = '(try {} catch {{e: (if type == "string" then . else tojson end)}})'
_MODULES = re.compile(r"\b(?:import|include|module)\b")
_LINE = re.compile(r"(?<=at <top-level>, line )\d+")
_CACHED = 500
_HEADER = struct.Struct(">I")
_ORPHANED_AFTER = 60.0
"""Seconds on one row after which a worker ends by itself, in case that nobody is left to stop it."""


class Column:
    """The programs for one list of cells."""

    def __init__(self, engine: Engine, cells: Cells, *, guarded: bool) -> None:
        self._engine = engine
        self._guarded = guarded
        self._cells = cells
        self._slow: Program = None
        self._fast: Program = engine.program(self._program("{}"))
        # asked only now: what compiled within parentheses imports no files when it is compiled alone
        if self._fast and any(engine.problem(text) for _, text in cells):
            self._fast = None

    def evaluate(self, item: str) -> str:
        """Return the answer to one item, as JSON text: at once if nothing fails, else cell by cell."""
        if self._fast is None:
            return self._one_by_one(item)
        with contextlib.suppress(ValueError, StopIteration):
            return str(self._fast.input_text(item).first())
        if self._slow is None:
            self._slow = self._engine.program(self._program(_ISOLATED))
        with contextlib.suppress(ValueError, StopIteration):
            return str(self._slow.input_text(item).first())
        return self._one_by_one(item)

    def _program(self, isolate: str) -> str:
        """Return a program that gives the whole answer; ``isolate`` is put round each cell."""
        definitions = "".join(
            f"def _p{index}: {WRAPPED.format(text)};\n" for index, (_, text) in enumerate(self._cells)
        )
        calls = [isolate.format(_GATHER[mode].format(f"_p{index}")) for index, (mode, _) in enumerate(self._cells)]
        if not self._guarded:
            return f"{PRELUDE}{definitions}[{', '.join(calls)}] | tojson"
        chosen = ", ".join(["$guard", *calls[1:]])
        return (
            f"{PRELUDE}{definitions}{calls[0]} as $guard | [if $guard == [true] then {chosen} else $guard end] | tojson"
        )

    def _one_by_one(self, item: str) -> str:
        answers: list[str] = []
        for mode, text in self._cells:
            answers.append(self._engine.single(mode, text, item))
            if self._guarded and len(answers) == 1 and answers[0] != "[true]":
                break
        return f"[{','.join(answers)}]"


class Engine:
    """libjq, with what it has compiled."""

    def __init__(self, jq: ModuleType) -> None:
        self._jq = jq
        self._problems: dict[str, str | None] = {}
        self._columns: dict[tuple[object, ...], Column] = {}
        self._singles: dict[str, Program] = {}

    def program(self, source: str) -> Program:
        """Return a compiled program, or None."""
        with contextlib.suppress(ValueError):
            return self._jq.compile(source)
        return None

    def column(self, cells: Cells, *, guarded: bool) -> Column:
        """Return the programs for a list of cells."""
        return _cached(self._columns, (guarded, *map(tuple, cells)), lambda: Column(self, cells, guarded=guarded))

    def problem(self, text: str) -> str | None:
        """Return why an expression does not compile, or None."""
        return _cached(self._problems, text, lambda: self._find_problem(text))

    def single(self, mode: str, text: str, item: str) -> str:
        """Return the answer of one cell, as JSON text."""
        if self.problem(text):
            return json.dumps({"s": self.problem(text)})
        source = f"{PRELUDE}def _p0: {WRAPPED.format(text)};\n{_GATHER[mode].format('_p0')} | tojson"
        program: Program = _cached(self._singles, source, lambda: self._jq.compile(source))
        try:
            return str(program.input_text(item).first())
        except ValueError as error:
            return json.dumps({"e": str(error)})
        except StopIteration:
            return json.dumps({"e": "it ended without a result"})

    def _find_problem(self, text: str) -> str | None:
        """Compile within parentheses, where nothing can be imported, then alone, so that nothing closes them."""
        if "\0" in text:
            return "jq: error: null character"  # would end the text for libjq
        inside = self._message(f"{PRELUDE}{WRAPPED.format(text)}")
        if inside:
            inside = _LINE.sub(lambda line: str(int(line[0]) - 1), inside)
            if _MODULES.search(text):
                return inside
        return self._message(text) or inside

    def _message(self, source: str) -> str | None:
        try:
            self._jq.compile(source)
        except ValueError as error:
            return str(error)
        return None


def _cached(cache: dict[Any, Value], key: object, make: Callable[[], Value]) -> Value:
    if key not in cache:
        if len(cache) >= _CACHED:  # mappings are small: whoever has more pays with compiling again
            cache.clear()
        cache[key] = make()
    return cache[key]


def serve(engine: Engine) -> None:
    """Answer requests until stdin ends."""
    while (frame := _read()) is not None:
        request = json.loads(frame)
        if "check" in request:
            _write([json.dumps([engine.problem(text) for text in request["check"]])])
        else:
            _evaluate(engine, request, _read() or b"")


def _evaluate(engine: Engine, request: dict[str, Any], items: bytes) -> None:
    columns: list[Column] = [engine.column(cells, guarded=guarded) for guarded, cells in request["columns"]]
    answers: list[str] = []
    start, written = 0, time.monotonic()
    for column, length in request["rows"]:
        signal.setitimer(signal.ITIMER_REAL, request["limit"] + _ORPHANED_AFTER)
        answers.append(columns[int(column)].evaluate(items[start : start + length].decode()))
        start += length
        if time.monotonic() - written >= request["patience"]:
            _write(answers)
            answers, written = [], time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0)
    _write(answers)


def _read() -> bytes | None:
    header = sys.stdin.buffer.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    return sys.stdin.buffer.read(_HEADER.unpack(header)[0])


def _write(texts: Iterable[str]) -> None:
    frames = bytearray()
    for text in texts:
        content = text.encode()
        frames += _HEADER.pack(len(content))
        frames += content
    view = memoryview(frames)
    while view:
        view = view[os.write(1, view) :]


def _limit_memory(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _load_jq(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("jq", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(path: str, memory: str) -> None:
    """Load libjq from a file and serve, within ``memory`` bytes."""
    try:
        jq = _load_jq(path)
        _limit_memory(int(memory))
    except (ImportError, OSError, ValueError) as error:
        _write([f"{type(error).__name__}: {error}"])
        return
    _write([""])
    try:
        serve(Engine(jq))
    except MemoryError:
        os.abort()  # as libjq itself does


if __name__ == "__main__":
    main(*sys.argv[1:])
