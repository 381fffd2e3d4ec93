"""How calls become Python: plain functions of values, and builtins that evaluate an argument many times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from penstock.expressions.builtins import BUILTINS, KEYED
from penstock.expressions.cardinality import Outputs, outputs_of
from penstock.expressions.code import (
    Channel,
    Code,
    Consume,
    Scope,
    Value,
    combine,
    constant,
    emit,
    truth,
    value_of,
    writer,
)
from penstock.expressions.syntax import Call, Comma, Constant, Identity, Index, Node
from penstock.expressions.undecided import OutsideSubsetError

_MANY: Final = Outputs(some=False, single=False)
_OPTIONAL: Final = Outputs(some=False, single=True)

Handler = Callable[[Call, Code, Scope, Consume], None]


@writer.register(Call)
def _call(node: Call, code: Code, scope: Scope, consume: Consume) -> None:
    signature = (node.name, len(node.arguments))
    if signature in _HANDLERS:
        _HANDLERS[signature](node, code, scope, consume)
        return
    builtin = BUILTINS.get(signature)
    if builtin is None:
        raise OutsideSubsetError

    def apply(values: list[Value]) -> None:
        arguments = ", ".join(value.text for value in (scope.input, *values))
        consume(Value(f"{builtin.function.__name__}({arguments})", builtin.kind))

    combine(node.arguments, code, scope, apply)


def _empty(_node: Call, code: Code, _scope: Scope, consume: Consume) -> None:
    with code.block("if False"):  # what follows never runs, but what jq refuses in it has to be refused here too
        consume(constant(None))


def _not(_node: Call, code: Code, scope: Scope, consume: Consume) -> None:
    consume(Value(f"(not {truth(scope.input, code)})", "boolean"))


def _range(node: Call, code: Code, scope: Scope, consume: Consume) -> None:
    def count(values: list[Value]) -> None:
        start, end = values
        with code.loop(f"count_up({start.text}, {end.text})") as number:
            consume(Value(number.text, "number", simple=True))

    combine(node.arguments, code, scope, count)


def _first(node: Call, code: Code, scope: Scope, consume: Consume) -> None:
    channel = Channel(code, _OPTIONAL)
    depth = code.depth

    def keep(value: Value) -> None:
        with code.block(f"if {channel.name} is NOTHING"):
            channel.put(value)
            _stop(code, depth)

    emit(node.arguments[0], code, scope, keep)
    _take(channel, node, consume)


def _last(node: Call, code: Code, scope: Scope, consume: Consume) -> None:
    channel = Channel(code, _OPTIONAL)
    emit(node.arguments[0], code, scope, channel.put)
    _take(channel, node, consume)


def _take(channel: Channel, node: Call, consume: Consume) -> None:
    """Go on with the one output that was kept, which is there for sure if the argument always has some."""
    if outputs_of(node).exactly_one:
        consume(Value(channel.name, simple=True))
    else:
        channel.drain(consume)


def _stop(code: Code, depth: int) -> None:
    """Leave the loop, if one alone is open since ``depth``."""
    if code.depth == depth + 1:
        code.write("break")


def _any(node: Call, code: Code, scope: Scope, consume: Consume) -> None:
    _search(node, code, scope, consume, wanted=True)


def _all(node: Call, code: Code, scope: Scope, consume: Consume) -> None:
    _search(node, code, scope, consume, wanted=False)


def _search(node: Call, code: Code, scope: Scope, consume: Consume, *, wanted: bool) -> None:
    """Write ``any(generator; condition)``, or ``all`` where a condition that does not hold is wanted."""
    generator, condition = node.arguments
    result = code.fresh()
    code.write(f"{result} = {not wanted}")
    depth = code.depth

    def decide(value: Value) -> None:
        holds = truth(value, code)
        with code.block(f"if {holds}" if wanted else f"if not {holds}"):
            code.write(f"{result} = {wanted}")
            _stop(code, depth)

    emit(generator, code, scope, lambda value: emit(condition, code, scope.on(code.named(value)), decide))
    consume(Value(result, "boolean", simple=True))


def _isempty(node: Call, code: Code, scope: Scope, consume: Consume) -> None:
    result = code.fresh()
    code.write(f"{result} = True")
    depth = code.depth

    def found(value: Value) -> None:
        code.named(value)
        code.write(f"{result} = False")
        _stop(code, depth)

    emit(node.arguments[0], code, scope, found)
    consume(Value(result, "boolean", simple=True))


def _map_values(node: Call, code: Code, scope: Scope, consume: Consume) -> None:
    members = Channel(code, _MANY)
    with code.loop(f"elements({scope.input.text})") as element:
        first = Channel(code, _OPTIONAL)

        def keep(value: Value) -> None:
            with code.block(f"if {first.name} is NOTHING"):
                first.put(value)

        emit(node.arguments[0], code, scope.on(element), keep)
        members.put(Value(first.name, simple=True))
    consume(Value(f"refilled({scope.input.text}, {members.name})"))


def _keyed(node: Call, code: Code, scope: Scope, consume: Consume) -> None:
    """Write ``sort_by(f)`` and its like: the array and, for each element, what ``f`` gives."""
    [by] = node.arguments
    values = code.named(Value(f"array({scope.input.text})", "array"))
    keys = Channel(code, _MANY)
    with code.loop(values.text) as element:
        if outputs_of(by).exactly_one:
            keys.put(value_of(by, code, scope.on(element)))
        else:
            key = Channel(code, _MANY)
            emit(by, code, scope.on(element), key.put)
            keys.put(Value(key.name, simple=True))
    builtin = KEYED[node.name]
    consume(Value(f"{builtin.function.__name__}({values.text}, {keys.name})", builtin.kind))


def _del(node: Call, _code: Code, scope: Scope, consume: Consume) -> None:
    [argument] = node.arguments
    paths = [_path(item) for item in (argument.items if isinstance(argument, Comma) else (argument,))]
    consume(Value(f"without({scope.input.text}, {paths!r})"))


def _path(node: Node) -> tuple[str, ...]:
    """Return the names of a path like ``.a.b``."""
    match node:
        case Index(Identity(), Constant(str(name)), optional=False):
            return (name,)
        case Index(target, Constant(str(name)), optional=False):
            return (*_path(target), name)
        case _:
            raise OutsideSubsetError


_HANDLERS: Final[dict[tuple[str, int], Handler]] = {
    ("empty", 0): _empty,
    ("not", 0): _not,
    ("range", 2): _range,
    ("first", 1): _first,
    ("last", 1): _last,
    ("any", 2): _any,
    ("all", 2): _all,
    ("isempty", 1): _isempty,
    ("map_values", 1): _map_values,
    ("del", 1): _del,
    **{(name, 1): _keyed for name in KEYED},
}
