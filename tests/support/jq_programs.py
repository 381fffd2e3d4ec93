"""Programs of the compiled jq subset and documents to run them on, drawn from a grammar.

Both are drawn through a ``Choose``, so that hypothesis (which shrinks) and a plain random generator (which is fast) can
draw the same things. Programs know roughly which type they are to give, so that most of them do not just fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from penstock.values import JSON

_T = TypeVar("_T")


class Choose(Protocol):
    """Picks one of several things."""

    def __call__(self, options: Sequence[_T], /) -> _T: ...


_TEXTS: Final = (
    "", "a", "b", "ab", "abba", "a,b", "a,b,", ",", " a ", "Straße", "ÄÖ é", "日本", "😀x",
    'tab\t"q"\\', "\x00\x1f\x7f",
    "A", "Z-a", "12", "-7", "007", "1.5", "1.50", "-0", "1e3", "9007199254740993", "true", "null", "\u2003b\u00a0",
)  # fmt: skip
_INTEGERS: Final = (
    0, 1, 2, 3, -1, -2, 7, 10, 255, 2**31, -(2**31), 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**64 - 1,
)  # fmt: skip
_FLOATS: Final = (
    0.0, -0.0, 1.0, 0.5, -0.5, 1.5, -1.5, 2.5, 0.1, 0.2, 3.0, 1e-7, 0.001, 1e15, 1e16, 1e22, 1.1, -2.75, 123456.789,
    9007199254740992.0, 1e300, 5e-324, 0.30000000000000004, 100.0,
)  # fmt: skip
_NAMES: Final = ("a", "b", "c", "a b", "if", "é", "key", "value", "name")


def scalar(choose: Choose) -> JSON:
    """Draw a value without members."""
    kind = choose("tttiifbn")
    if kind == "t":
        return choose(_TEXTS)
    if kind == "i":
        return choose(_INTEGERS)
    if kind == "f":
        return choose(_FLOATS)
    return choose((True, False)) if kind == "b" else None


def value(choose: Choose, depth: int = 3) -> JSON:
    """Draw any value, to a depth."""
    kind = choose("ssslo") if depth else "s"
    if kind == "s":
        return scalar(choose)
    if kind == "l":
        return [value(choose, depth - 1) for _ in range(choose((0, 1, 2, 3)))]
    return {choose(_NAMES): value(choose, depth - 1) for _ in range(choose((0, 1, 2, 3)))}


def document(choose: Choose) -> JSON:
    """Draw a document: mostly an object whose members are of the types that programs expect."""
    if choose(range(12)) == 0:
        return value(choose)
    drawn: dict[str, Callable[[], JSON]] = {
        "t": lambda: choose(_TEXTS),
        "u": lambda: choose(_TEXTS),
        "i": lambda: choose(_INTEGERS),
        "n": lambda: choose((0, 1, 2, 3, -1, 12)),
        "f": lambda: choose(_FLOATS),
        "y": lambda: choose((True, False)),
        "z": lambda: None,
        "ts": lambda: [choose(_TEXTS) for _ in range(choose((0, 1, 2, 3, 4)))],
        "ns": lambda: [choose((choose(_INTEGERS), choose(_FLOATS))) for _ in range(choose((0, 1, 2, 3, 4)))],
        "vs": lambda: [value(choose, 2) for _ in range(choose((0, 1, 2, 3, 4)))],
        "os": lambda: [_record(choose) for _ in range(choose((0, 1, 2, 3)))],
        "o": lambda: _record(choose),
        "es": lambda: [{choose(("key", "name", "k")): choose(_TEXTS), "value": scalar(choose)} for _ in range(2)],
    }
    members = {name: draw() for name, draw in drawn.items() if choose(range(10))}
    if choose(range(4)) == 0:
        members[choose(tuple(drawn))] = value(choose, 2)
    return members


def _record(choose: Choose) -> JSON:
    record: dict[str, JSON] = {}
    if choose(range(8)):
        record["id"] = choose(_INTEGERS)
    record["t"] = choose((*_TEXTS, None))
    record["a"] = choose((scalar(choose), value(choose, 1), {"b": scalar(choose)}, None))
    if choose((True, False)):
        record["if"] = scalar(choose)
    return record


def _options(text: str) -> list[str]:
    """Return what stands in ``text`` with at least two blanks, or a line break, between one and the next."""
    return re.split(r"\s{2,}", text.strip())


Draw = Callable[[Choose, int], str]
"""Draws the text of a program that fits where a term is expected, at most so many levels deep."""


def program(choose: Choose, depth: int = 3) -> str:
    """Draw a whole program."""
    text = choose((_any, _any, _text, _number, _boolean, _list, _object, _stream, _stream))(choose, depth)
    return choose(("{}", "{}", "{}", " {}\n", "{} # it's a comment", "({})", "first({})", "[{}]")).format(text)


def _fill(choose: Choose, depth: int, options: Sequence[str]) -> str:
    """Draw one of ``options`` and put a program in for each letter after a ``~``."""
    draws: dict[str, Draw] = {
        "t": _text, "n": _number, "b": _boolean, "l": _list, "o": _object, "s": _stream, "a": _any, "c": _constant,
        "p": _path, "k": _key, "i": _small, "q": _quoted,
    }  # fmt: skip
    pieces = choose(options).split("~")
    return pieces[0] + "".join(draws[piece[0]](choose, depth - 1) + piece[1:] for piece in pieces[1:])


def _any(choose: Choose, depth: int) -> str:
    if depth <= 0:
        return choose((".", ".a", ".z", ".vs", ".o", ".t", ".i", ".missing", "null", "$v")).replace("$v", ".y")
    if choose(range(3)):
        return choose((_text, _number, _boolean, _list, _object, _path))(choose, depth)
    return _fill(choose, depth, _ANY)


_ANY: Final = _options(
    r"""
    (~a // ~a)   (~a // ~a // ~c)   (if ~b then ~a else ~a end)   (if ~a then ~a end)   (~o | .[~q])   (~l | first)
    (if ~b then ~a elif ~b then ~a else ~a end)   (~l | last)   (~l | .[~i])   (~a | ~a)   (~l | min)   (~l | max)
    (~a as $x | ~a)   (~a as $x | [$x, ~a, $x])   (~o | .a?)   (~a | .a?)   (~l | add)   (~s // ~a)   first(~s)
    (~a | tojson)   (.os | map(~p))   (~l | nth(~i))   (~p?)   (~o | add)   (~l | min_by(.a?))   (~l | max_by(.a))
    last(~s)   (. as $x | .vs | map($x.n, .))   add(~s)   (~a as $x | {$x, y: ~a})   (~a | abs)   (~a)?
    (~l | .[~i]?)   (~a | not)   (~t | index(~t))   (~t | rindex(~q))   (~a | .[~a]?)   ~a.a   ~a[0]   (~a + ~a)
    (~a - ~a)   (~a * ~a)   (~a / ~a)   (~a % ~a)
"""
)


def _path(choose: Choose, _depth: int) -> str:
    return choose(_PATHS)


_PATHS: Final = _options(
    r"""
    .a   .o.a   .o.a.b   .o   .o.t   .o?   .t   .u   .i   .n   .f   .y   .z   .ts   .ns   .vs   .os   .os[0].t
    .os[-1].a   .o["if"]   .o.if   ."o"."t"   .["t"]   .ts[0]   .ts[1]?   .vs[0].a?   .missing.deep   .o.a.b?
    .os[0]?.id   .vs[2:]   .t[1:]   .t[:-1]   .ts[:2]   .o."a b"   .   .ns[1.7]   .vs[-1:]   .z[0]   .z[1:2]
    .o [ "t" ]   .es   .["o", "t"]   .os[.n]   .ts[.n:]   .o.["t"]
"""
)


def _text(choose: Choose, depth: int) -> str:
    if depth <= 0:
        return choose((".t", ".u", ".ts[0]", ".o.t", _quoted(choose, 0)))
    return _fill(choose, depth, _TEXT)


_TEXT: Final = _options(
    r"""
    .t   .u   ~q   .o.t   .os[0].t   (~t | ascii_downcase)   (~t | ascii_upcase)   (~n | tostring)   (~a | tostring)
    (~l | join(~q))   (.ts | join(~t))   (~t + ~t)   "\(~a)-\(~a)"   "x\(~t)"   (~t | ltrimstr(~q))   (~a | type)
    (~t | rtrimstr(~q))   (~t | trim)   (~t | ltrim)   (~t | rtrim)   (~t | split(~q)[0])   (~t | .[~i:])
    (~a // ~q)   (~t * ~i)   (~l | tojson)   (~o | tojson)   (~t | trimstr(~q))   (~t | split(~q) | join(~q))
    (~o | tostring)   "\(~s)|\(~s)"   (~t + null)   (~o | keys | join(","))   ('~k' + ~t)   (~t | split(',') | last)
    'it\'s \(~t)'
"""
)


def _quoted(choose: Choose, _depth: int) -> str:
    return choose(_QUOTEDS)


_QUOTEDS: Final = _options(
    r"""
    "a"   ","   ""   " "   "b"   "é"   "\u00e9"   "\ud83d\ude00"   "\n"   "a b"   "\"q\""   "o"   "ab"   "-"   'a'
    'x y'   "if"   "t"   "日"   "\u0000"   'say "a"'
"""
)


def _key(choose: Choose, _depth: int) -> str:
    return choose(("a", "b", "id", "if", "and", "_x1", "name"))


def _constant(choose: Choose, _depth: int) -> str:
    return choose(_CONSTANTS)


_CONSTANTS: Final = _options(
    r"""
    1   0   -1   2.5   null   true   false   "a"   []   {}   ["a", 1]   {"a": 1}   1.0   100   9007199254740993
    12345678901234567890123   -0   007   1.10   1e3   .5   1.   0.1
"""
)


def _small(choose: Choose, _depth: int) -> str:
    return choose(("0", "1", "2", "-1", "-2", ".n", "3", "1.5", "-0.5", "(1 + 1)"))


def _number(choose: Choose, depth: int) -> str:
    if depth <= 0:
        return choose((".i", ".n", ".f", "1", "2", ".ns[0]", ".os[0].id", "10", "0.5", "9007199254740993"))
    return _fill(choose, depth, _NUMBER)


_NUMBER: Final = _options(
    r"""
    .i   .n   .f   ~c   (~t | length)   (~l | length)   (~o | length)   (~n + ~n)   (~n - ~n)   (~n * ~n)
    (~n / ~n)   (~n % ~n)   -~n   (~n | floor)   (~n | ceil)   (~n | round)   (~n | abs)   (~t | tonumber)
    (~n | tostring | tonumber)   (.ns | add)   (.ns | min)   (.ns | max)   (~n | length)   (.ts | map(length) | add)
    (~t | utf8bytelength)   (~n // 0)   -(~n)   (~n - -1)   (~l | length * 2 + 1)   (.n + 1 - 2 * 3)   (.n | . * . )
"""
)


def _boolean(choose: Choose, depth: int) -> str:
    if depth <= 0:
        return choose((".y", "true", "false", ".n == 1", '.t == "a"')).join("()")
    return _fill(choose, depth, _BOOLEAN)


_BOOLEAN: Final = _options(
    r"""
    .y   true   false   (~a == ~a)   (~a != ~a)   (~a < ~a)   (~n <= ~n)   (~n > ~n)   (~a >= ~a)   (~n == ~n)
    (~b and ~b)   (~b or ~b)   (~b | not)   (~a and ~a)   (~a == null)   (~a == ~c)   (~c != ~a)   (~t == ~q)
    (~n < ~c)   (~t | startswith(~q))   (~t | endswith(~t))   (~t | contains(~q))   (~l | contains(~l))
    (~o | contains(~o))   (~o | has(~q))   (~l | has(~i))   any(~s; ~b)   all(~s; . == ~a)   (~l | any)   (~l | all)
    (~l | any(. == ~a))   (~l | all(~b))   isempty(~s)   (~t | IN(~q, ~q))   (~q | in(~o))   (~t | inside(~t))
    (~a | . == 1 or . == true)   (~s == ~a)   (~s and ~b)   (~b or ~s)   (~t == 'a')   IN(~s; ~s)   (~l == ~l)
    (~o < ~o)   (~l <= ~l)   any(~s; . != ~s)
"""
)


def _list(choose: Choose, depth: int) -> str:
    if depth <= 0:
        return choose((".ts", ".ns", ".vs", ".os", "[]", "[1, 2]", ".es"))
    return _fill(choose, depth, _LIST)


_LIST: Final = _options(
    r"""
    .ts   .ns   .vs   .os   [~s]   [~a]   [~a, ~a]   [~s, ~a]   (~l | map(~a))   (~l | map(select(~b)))   (~l + ~l)
    (~l | map(select(. != null)))   (~l | sort)   (~l | unique)   (~l | reverse)   (~l | flatten)
    (~l | flatten(~i))   (~o | keys)   (~o | keys_unsorted)   (~o | to_entries)   (~t | split(~q))
    (~l | sort_by(.a?))   (.os | sort_by(.id))   (.os | sort_by(.t, .id))   (~l | group_by(.a?))
    (.os | group_by(.t))   (~l | unique_by(length))   (.os | unique_by(.t))   (~l | .[~i:~i])   (~l | .[:~i])
    (~l - ~l)   (.os | map(.t))   [.os[] | .id]   [.os[]? | select(.id > 1) | .t]   (~l | keys)   (~t / ~q)
    (~l | map_values(~a))   (~l | map(~s))   [~s | ~a]   (~l | map(tostring))   (.ts | map(ascii_downcase))
    [.vs[] | strings]   [.vs[] | scalars, arrays]   [.vs[] | values]   [.vs[] | numbers // booleans]
    (.os | map({id, t}))   [.vs[] | objects, nulls, iterables]   (.vs | map(.?))   [range(~i)]   [range(~i; 4)]
    [.os[] | .t, .id]   [limit(1; 2)]   (~l | sort_by(~s))   (~l | [.[] | [.]])
    (~l as $x | $x | map([., ($x | length)]))   [.[] as $x | $x]   (.es | map(.value))
"""
)


def _object(choose: Choose, depth: int) -> str:
    if depth <= 0:
        return choose((".o", ".os[0]", "{}", "{a: 1}", "{t, n}"))
    return _fill(choose, depth, _OBJECT)


_OBJECT: Final = _options(
    r"""
    .o   {~k: ~a}   {~k: ~a, ~k: ~a}   {~k}   {t, "u", if: ~a}   {(~t): ~a}   {"x\(~n)": ~a}   (~o + ~o)   (~o * ~o)
    {~k: ~s}   {~k: ~s, b: ~s}   (~o | with_entries(.value = 1))   (~o | with_entries(select(.key != ~q)))
    (~o | del(.a))   (~o | with_entries(.))   (~o | to_entries | from_entries)   (.es | from_entries)
    (~o | map_values(~a))   (~o | del(.a.b, .t))   (~o | map_values(select(~b)))   (~t as $k | {$k, ($k): ~a})
    {a: 1 | ~a}   {a: ~a | ~a}   {a: -~n, b: ~a // ~c,}   (~a as $k | {$k: 1})   (~o | map_values(~s))   {(~s): ~s}
    {a: (~s, 1)}   (.os | map({(.t): .id}) | add)   (~l | map({a: .}) | add)   {"a b": ~a}   {@text: 1}
    (. | del(.o.a, .missing))   {'a': ~a}   (~o | del(.[~q]))
"""
)


def _stream(choose: Choose, depth: int) -> str:
    if depth <= 0:
        return choose(
            (".ts[]", ".ns[]", ".vs[]", ".os[]", ".o[]", ".missing[]?", "(1, 2)", "empty", ".[]", ".[]?", ".ts[]?")
        )
    return _fill(choose, depth, _STREAM)


_STREAM: Final = _options(
    r"""
    .ts[]   .vs[]?   .os[].t   .os[] .id   (~a, ~a)   (~s, ~a)   (~s | ~a)   (~s | select(~b))   ~a   empty
    (~l | .[])   ~l[]   (~s | select(. != null))   (~a | select(~b))   (~s // ~s)   (~s // ~a)
    (if ~b then ~s else ~a end)   (~s | .a?)   (~s + ~a)   (~a - ~s)   (~s * ~s)   (if ~s then ~s else ~a end)
    (~s as $x | ~a, $x)   range(~i)   (~s | tostring)   (~s | not)   first(~s)   last(~s)   (~a // empty)
    (~s | values)   (.o | .a, .t)   .o["a", "t"]   (~t | startswith(~s))   (~s | length?)   (~s | [.])
    (~l | .[~s])   .vs[~i:][]   ~s?   (.os[] | {id, v: .a})   (~s | -.)   (~s == ~s)   (~s and ~s)   (~s or ~s)
    (~l | .[~s:])   {a: ~s} | .a
"""
)


_OPERANDS: Final = _options(
    r"""
    .   .n   .t   .o.a   .os[0].id   1   2   "a"   null   true   [1,2]   {a:1}   .ts   .ns   $x   .missing   -1
    .f   not   length   .n?   .y   (1,2)   .o?.a   "\(.n)"   empty   first   .if   .[]?   -.n   ..   .["a"]?
    .os[]?.id   .5   1.   1e1   if . then 1 end   @text   .t[1:]   "x"[0:1]   [.n|.+1]   map(.)   select(.n)
    .and   {a:1,}   {if:1}   {$x}   {"a":1|2}   {(.t):1}   {(1):1}   $__loc__   {a:.n|.+1,b}   nosuch   map   'a'
    """
)
_INFIX: Final = _options("|   ,   //   +   -   *   /   %   ==   !=   <   <=   >   >=   and   or   as $x |")
_POSTFIX: Final = _options(
    r"""
    ?   ?//   =   |=   +=   //=   .a   [0]   ["a"]   .[0]   .["a"]   ."a"   []   [1:]   .[1:]   [:1]   [:]   .
    ..   ;   :   as   $x   .5   "q"   )   ]   (   [   {   }   if   then   end   def   $   \   !   é
    """
)


def flat_program(choose: Choose) -> str:
    """Draw terms and operators in a row, without brackets to order them: some are jq, most are not."""
    pieces = [choose(("", "", ".n as $x |")), choose(_OPERANDS)]
    for _ in range(choose((1, 2, 3, 4))):
        if choose((True, True, True, False)):
            pieces += [choose(_INFIX), choose(_OPERANDS)]
        else:
            pieces.append(choose(_POSTFIX))
    return "".join(piece + choose((" ", " ", "", "\n", "# c\n")) for piece in pieces)
