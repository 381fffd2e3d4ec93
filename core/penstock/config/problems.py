"""What is found wrong or odd while a configuration is read; everything is collected before anything is raised."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from msgspec.structs import replace

from penstock.config.node import Node, to_snake
from penstock.errors import ConfigurationError, Problem, did_you_mean
from penstock.redaction import Redactor

_MOST_LISTED: Final = 12
_SHORTEST_CONCEALED: Final = 8
"""A shorter one is hardly a secret, and may be part of any word."""
_LINE: Final = re.compile(r"(?P<file>.*):(?P<line>[0-9]+)", re.DOTALL)


class Findings:
    """The problems and warnings of one load, in the order in which they were found."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._spoiled: set[tuple[str, str]] = set()
        self.put_in_secretly: dict[str, None] = {}
        """What variables hold that were put where secrets are sent."""
        self._concealed: set[str] = set()

    def conceal(self, text: str) -> None:
        """Keep a text, such as the value of a variable, out of all messages: it may be a secret."""
        self._concealed.add(text)

    def problem(self, node: Node, message: str, *, path: str | None = None) -> None:
        """Record what is wrong at a node, or at ``path`` beneath it."""
        if (node.path, node.source) not in self._spoiled:
            _once(self.problems, Problem(node.path if path is None else path, message, node.source))

    def spoil(self, node: Node, message: str) -> None:
        """Record that the value of a node could not even be had; nothing more is said of it."""
        self.problem(node, message)
        self._spoiled.add((node.path, node.source))

    def warn(self, node: Node, message: str, *, path: str | None = None) -> None:
        """Record what was accepted and deserves a word."""
        _once(self.warnings, Problem(node.path if path is None else path, message, node.source))

    def unknown(self, node: Node, written: str, known: Collection[str], *, strict: bool) -> None:
        """Record a name that is no setting: a problem where we rule the file, else a warning.

        ``known`` are the valid names in camelCase. A name written in snake_case gets its suggestion in snake_case.
        """
        message = f"there is no such setting{nearest(written, known)}"
        if strict:
            _once(self.problems, Problem(node.path, message, node.source))
        else:
            self.warn(node, f"{message} (ignored)")

    def error(self) -> ConfigurationError:
        """Return the error that tells all problems, those of one file by line."""
        files = list(dict.fromkeys(_place(problem)[0] for problem in self.problems))

        def order(problem: Problem) -> tuple[int, int]:
            file, line = _place(problem)
            return files.index(file), line

        redact = Redactor(text for text in self._concealed if len(text) >= _SHORTEST_CONCEALED)
        ordered = sorted(self.problems, key=order)
        problems, warnings = (
            [replace(problem, message=redact(problem.message)) for problem in some] for some in (ordered, self.warnings)
        )
        return ConfigurationError(problems, warnings)


def _place(problem: Problem) -> tuple[str, int]:
    match = _LINE.fullmatch(problem.source)
    return (match["file"], int(match["line"])) if match else (problem.source, 0)


def nearest(written: str, known: Collection[str]) -> str:
    """Return ``; did you mean "x"?``, or the list of all names when none is near and they are few."""
    if "_" in written:
        known = [to_snake(name) for name in known]
    hint = did_you_mean(written, known)
    if hint or not known or len(known) > _MOST_LISTED:
        return hint
    return f"; known here: {', '.join(known)}"


def _once(found: list[Problem], problem: Problem) -> None:
    if problem not in found:
        found.append(problem)
