"""A recursive descent over jq 1.8's grammar (``parser.y``), as far as the compiled subset goes.

jq's precedence, lowest first: ``|`` (right), ``,``, ``//`` (right), the assignments, ``or``, ``and``, comparisons
(which do not chain), ``+ -``, ``* / %``; then a sign, then ``? . [``. ``E as $x | body`` takes all that follows.
"""

from __future__ import annotations

import math
import re
from typing import Final, Literal, cast

from penstock.expressions.definitions import write_out
from penstock.expressions.lexer import KEYWORDS, Token, tokenize
from penstock.expressions.syntax import (
    IDENTITY,
    NULL,
    Alternative,
    Array,
    Attempt,
    Binary,
    Binding,
    Comma,
    Conditional,
    Constant,
    Index,
    Interpolation,
    Iterate,
    Logical,
    Negation,
    Node,
    Object,
    Operator,
    Pipe,
    Slice,
    Variable,
)
from penstock.expressions.undecided import OutsideSubsetError

_LOGICAL: Final = {"or": 1, "and": 2}
_COMPARISONS: Final = frozenset(("==", "!=", "<", "<=", ">", ">="))
_ARITHMETIC: Final = {"+": 4, "-": 4, "*": 5, "/": 5, "%": 5}
_LEVELS: Final = {**_LOGICAL, **dict.fromkeys(_COMPARISONS, 3), **_ARITHMETIC}
_INTEGER: Final = re.compile(r"[0-9]{1,300}")
_PLAIN_FLOAT: Final = re.compile(r"[0-9]{1,14}\.[0-9]+")


def parse(text: str) -> Node:
    """Return the syntax tree of ``text``.

    Raises:
        OutsideSubsetError: ``text`` is no jq, or jq that the compiled tier leaves to libjq.
        RecursionError: ``text`` nests too deeply.
    """
    parser = _Parser(tokenize(text))
    tree = parser.query()
    parser.expect("end of text")
    return tree


class _Parser:
    """One method per rule of the grammar; each leaves the position after what it has read."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0

    @property
    def _kind(self) -> str:
        return self._tokens[self._position].kind

    def _take(self) -> Token:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _skip(self, kind: str) -> bool:
        """Step over a token of ``kind`` if it comes next."""
        found = self._kind == kind
        self._position += found
        return found

    def expect(self, kind: str) -> Token:
        """Step over a token of ``kind``, which must come next."""
        if self._kind != kind:
            raise OutsideSubsetError
        return self._take()

    def query(self) -> Node:
        items = [self._comma_item()]
        while self._skip(","):
            items.append(self._comma_item())
        node = items[0] if len(items) == 1 else Comma(tuple(items))
        return Pipe(node, self.query()) if self._skip("|") else node

    def _comma_item(self) -> Node:
        source = self._expression()
        if not self._skip("as"):
            return source
        name = self.expect("variable").text
        self.expect("|")
        return Binding(source, name, self.query())

    def _expression(self) -> Node:
        left = self._operation(1)
        return Alternative(left, self._expression()) if self._skip("//") else left

    def _operation(self, level: int) -> Node:
        """Read operators that bind at least as tightly as ``level``."""
        left = self._term()
        while (found := _LEVELS.get(self._kind, 0)) >= level:
            operator = self._take().kind
            left = _operation(operator, left, self._operation(found + 1))
            if operator in _COMPARISONS and self._kind in _COMPARISONS:
                raise OutsideSubsetError
        return left

    def _term(self) -> Node:
        if self._skip("-"):
            return Negation(self._term())
        node = self._primary()
        while (longer := self._suffix(node)) is not None:
            node = longer
        return node

    def _primary(self) -> Node:  # noqa: C901, PLR0911 - one return per alternative of the grammar's Term
        token = self._take()
        match token.kind:
            case ".":
                return Index(IDENTITY, self._string()) if self._kind == "string start" else IDENTITY
            case "field":
                return Index(IDENTITY, Constant(token.text))
            case "number":
                return Constant(_number(token.text))
            case "string start":
                self._position -= 1
                return self._string()
            case "variable":
                return Variable(token.text)
            case "(":
                return self._closed(")")
            case "[":
                return Array(None) if self._skip("]") else Array(self._closed("]"))
            case "{":
                return self._object()
            case "if":
                return self._conditional()
            case "name":
                return self._call(token.text)
            case _:
                raise OutsideSubsetError

    def _closed(self, bracket: str) -> Node:
        node = self.query()
        self.expect(bracket)
        return node

    def _suffix(self, target: Node) -> Node | None:
        """Read one ``.name``, ``."text"``, ``[...]`` or ``?`` after a term."""
        if self._kind == "field":
            return Index(target, Constant(self._take().text))
        if self._skip("?"):
            return _attempt(target)
        dotted = self._skip(".")
        if dotted and self._kind == "string start":
            return Index(target, self._string())
        if self._skip("["):
            return self._bracket(target, dotted=dotted)
        if dotted:
            raise OutsideSubsetError
        return None

    def _bracket(self, target: Node, *, dotted: bool) -> Node:
        if self._skip("]"):
            return Iterate(target)
        start = NULL if self._kind == ":" else self.query()
        if self._skip("]"):
            return Index(target, start)
        if dotted:
            raise OutsideSubsetError  # jq has `.a[1:2]` and `.a.[1]`, but no `.a.[1:2]`
        self.expect(":")
        if self._kind == "]" and start is NULL:
            raise OutsideSubsetError
        end = NULL if self._kind == "]" else self.query()
        self.expect("]")
        return Slice(target, start, end)

    def _string(self) -> Node:
        self.expect("string start")
        parts: list[Node] = []
        while not self._skip("string end"):
            token = self._take()
            parts.append(Constant(token.text) if token.kind == "string text" else self.query())
            if token.kind != "string text":
                self.expect("interpolation end")
        texts = [part.value for part in parts if isinstance(part, Constant) and isinstance(part.value, str)]
        return Constant("".join(texts)) if len(texts) == len(parts) else Interpolation(tuple(parts))

    def _conditional(self) -> Node:
        condition = self.query()
        self.expect("then")
        consequence = self.query()
        if self._skip("elif"):
            return Conditional(condition, consequence, self._conditional())
        otherwise = self.query() if self._skip("else") else IDENTITY
        self.expect("end")
        return Conditional(condition, consequence, otherwise)

    def _call(self, name: str) -> Node:
        arguments: list[Node] = []
        if self._skip("("):
            arguments.append(self.query())
            while self._skip(";"):
                arguments.append(self.query())
            self.expect(")")
        return write_out(name, tuple(arguments))

    def _object(self) -> Node:
        entries: list[tuple[Node, Node]] = []
        while self._kind != "}":
            entries.append(self._entry())
            if not self._skip(","):
                break
        self.expect("}")
        return Object(tuple(entries))

    def _entry(self) -> tuple[Node, Node]:
        if self._skip("("):
            key = self._closed(")")
            if _is_constant(key) and not (isinstance(key, Constant) and isinstance(key.value, str)):
                raise OutsideSubsetError  # jq refuses constant keys that are no strings
            self.expect(":")
            return key, self._entry_value()
        if self._kind == "variable":
            variable = Variable(self._take().text)
            return (variable, self._entry_value()) if self._skip(":") else (Constant(variable.name), variable)
        if self._kind == "string start":
            key = self._string()
        elif self._kind == "name" or self._kind in KEYWORDS:
            token = self._take()
            key = Constant(token.text or token.kind)
        else:
            raise OutsideSubsetError
        if self._skip(":"):
            return key, self._entry_value()
        if not isinstance(key, Constant):
            raise OutsideSubsetError
        return key, Index(IDENTITY, key)

    def _entry_value(self) -> Node:
        node = self._expression()
        return Pipe(node, self._entry_value()) if self._skip("|") else node


def _operation(operator: str, left: Node, right: Node) -> Node:
    if operator in _LOGICAL:
        return Logical(cast("Literal['and', 'or']", operator), left, right)
    return Binary(cast("Operator", operator), left, right)


def _attempt(target: Node) -> Node:
    """Make ``target`` optional; twice is once."""
    match target:
        case Index(inner, key, optional=False):
            return Index(inner, key, optional=True)
        case Iterate(inner, optional=False):
            return Iterate(inner, optional=True)
        case _:
            return Attempt(target)


def _is_constant(node: Node) -> bool:
    """Whether jq may fold ``node`` into a constant while it compiles."""
    match node:
        case Constant() | Array(None):
            return True
        case Array(body) if body is not None:
            return _is_constant(body)
        case Negation(operand):
            return _is_constant(operand)
        case Binary(_, left, right):
            return _is_constant(left) and _is_constant(right)
        case Object(entries):
            return all(_is_constant(key) and _is_constant(value) for key, value in entries)
        case _:
            return False


def _number(text: str) -> int | float:
    """Read a number whose digits libjq would print just as Python does; the others keep their own spelling there."""
    if _INTEGER.fullmatch(text):
        return int(text)
    value = float(text)
    if _PLAIN_FLOAT.fullmatch(text) and repr(value) == text and math.isfinite(value):
        return value
    raise OutsideSubsetError
