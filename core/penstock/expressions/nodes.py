"""How each node of the syntax tree becomes Python: one function a node."""

from __future__ import annotations

from typing import Final

from penstock.expressions.cardinality import Outputs, outputs_of
from penstock.expressions.code import (
    Channel,
    Code,
    Consume,
    Kind,
    Scope,
    Value,
    combine,
    constant,
    emit,
    truth,
    value_of,
    writer,
)
from penstock.expressions.runtime.arithmetic import EXACT
from penstock.expressions.syntax import (
    EMPTY,
    Alternative,
    Array,
    Attempt,
    Binary,
    Binding,
    Comma,
    Conditional,
    Constant,
    Identity,
    Index,
    Interpolation,
    Iterate,
    Logical,
    Negation,
    Object,
    Operator,
    Pipe,
    Scalar,
    Slice,
    Variable,
)
from penstock.expressions.undecided import OutsideSubsetError

_MANY: Final = Outputs(some=False, single=False)
_FUNCTIONS: Final[dict[Operator, str]] = {
    "+": "plus",
    "-": "minus",
    "*": "times",
    "/": "divided",
    "%": "remainder",
    "<": "less",
    "<=": "at_most",
    ">": "greater",
    ">=": "at_least",
}


@writer.register(Identity)
def _identity(_node: Identity, _code: Code, scope: Scope, consume: Consume) -> None:
    consume(scope.input)


@writer.register(Constant)
def _constant(node: Constant, _code: Code, _scope: Scope, consume: Consume) -> None:
    consume(constant(node.value))


@writer.register(Variable)
def _variable(node: Variable, _code: Code, scope: Scope, consume: Consume) -> None:
    if node.name not in scope.variables:
        raise OutsideSubsetError
    consume(scope.variables[node.name])


@writer.register(Index)
def _index(node: Index, code: Code, scope: Scope, consume: Consume) -> None:
    def access(values: list[Value]) -> None:
        key, target = values
        if not node.optional:
            consume(_member(code, target, key))
            return
        found = code.named(Value(f"index_or_nothing({target.text}, {key.text})"))
        with code.block(f"if {found.text} is not NOTHING"):
            consume(found)

    combine((node.key, node.target), code, scope, access)


def _member(code: Code, target: Value, key: Value) -> Value:
    """Return ``target[key]``; a name of anything but an object fails for want of a ``get``."""
    if isinstance(key.scalar, str):
        container = code.named(target).text
        return Value(f"(None if {container} is None else {container}.get({key.text}))")
    if target.kind == "array" and key.text in {"0", "-1"}:
        container = code.named(target).text
        return Value(f"({container}[{key.text}] if {container} else None)")
    return Value(f"index({target.text}, {key.text})")


@writer.register(Slice)
def _slice(node: Slice, code: Code, scope: Scope, consume: Consume) -> None:
    def access(values: list[Value]) -> None:
        start, end, target = values
        consume(Value(f"part({target.text}, {start.text}, {end.text})"))

    combine((node.start, node.end, node.target), code, scope, access)


@writer.register(Iterate)
def _iterate(node: Iterate, code: Code, scope: Scope, consume: Consume) -> None:
    function = "elements_or_nothing" if node.optional else "elements"

    def walk(container: Value) -> None:
        with code.loop(f"{function}({container.text})") as element:
            consume(element)

    emit(node.target, code, scope, walk)


@writer.register(Attempt)
def _attempt(node: Attempt, code: Code, scope: Scope, consume: Consume) -> None:
    emit(node.body, code, scope, consume)  # whatever fails inside is undecided anyway


@writer.register(Negation)
def _negation(node: Negation, code: Code, scope: Scope, consume: Consume) -> None:
    def negate(value: Value) -> None:
        if isinstance(value.scalar, int | float) and value.kind == "number" and value.scalar != 0:
            consume(constant(-value.scalar))
        else:
            consume(Value(f"negated({value.text})", "number"))

    emit(node.operand, code, scope, negate)


@writer.register(Binary)
def _binary(node: Binary, code: Code, scope: Scope, consume: Consume) -> None:
    def operate(values: list[Value]) -> None:
        right, left = values
        if node.operator in {"==", "!="}:
            consume(_equality(left, right, same=node.operator == "=="))
        else:
            kind: Kind | None = "boolean" if node.operator in {"<", "<=", ">", ">="} else None
            consume(code.settled(Value(f"{_FUNCTIONS[node.operator]}({left.text}, {right.text})", kind)))

    combine((node.right, node.left), code, scope, operate)


def _equality(left: Value, right: Value, *, same: bool) -> Value:
    if left.constant and not right.constant:
        left, right = right, left
    if right.constant and not left.constant:
        if right.scalar is None or isinstance(right.scalar, bool):
            return Value(f"({left.text} {'is' if same else 'is not'} {right.text})", "boolean")
        if _compares_as_in_python(right.scalar):
            return Value(f"({left.text} {'==' if same else '!='} {right.text})", "boolean")
    return Value(f"({'' if same else 'not '}equal({left.text}, {right.text}))", "boolean")


def _compares_as_in_python(scalar: Scalar) -> bool:
    """Whether Python's ``==`` with this constant is jq's: it takes True for 1, and large floats for integers."""
    if isinstance(scalar, int | float):
        return scalar not in {0, 1} and -EXACT < scalar < EXACT
    return isinstance(scalar, str)


@writer.register(Logical)
def _logical(node: Logical, code: Code, scope: Scope, consume: Consume) -> None:
    conjunction = node.operator == "and"

    def decide(left: Value) -> None:
        if not outputs_of(node.right).exactly_one:
            _decide_each(node, truth(left, code), code, scope, consume)
            return
        with code.aside() as lines:
            right = truth(value_of(node.right, code, scope), code)
        if not lines:
            consume(code.settled(Value(f"({truth(left, code)} {node.operator} {right})", "boolean")))
            return
        result = code.fresh()
        code.write(f"{result} = {truth(left, code)}")
        with code.block(f"if {result}" if conjunction else f"if not {result}"):
            code.lines.extend(lines)
            code.write(f"{result} = {right}")
        consume(Value(result, "boolean", simple=True))

    emit(node.left, code, scope, decide)


def _decide_each(node: Logical, left: str, code: Code, scope: Scope, consume: Consume) -> None:
    """Write ``left and f`` where ``f`` may have any number of outputs."""
    channel = Channel(code, _MANY)
    with code.block(f"if {left}" if node.operator == "and" else f"if not {left}"):
        emit(node.right, code, scope, lambda value: channel.put(Value(truth(value, code))))
    with code.block("else"):
        channel.put(constant(node.operator == "or"))
    channel.drain(lambda value: consume(Value(value.text, "boolean", simple=True)))


@writer.register(Alternative)
def _alternative(node: Alternative, code: Code, scope: Scope, consume: Consume) -> None:
    left, right = outputs_of(node.left), outputs_of(node.right)
    if not left.single:
        _alternative_list(node, code, scope, consume)
        return
    found = code.fresh()
    if not left.some:
        code.write(f"{found} = None")
    emit(node.left, code, scope, lambda value: code.write(f"{found} = {value.text}"))
    missing = f"if {found} is None or {found} is False"
    if right.exactly_one:
        with code.block(missing):
            code.write(f"{found} = {value_of(node.right, code, scope).text}")
        consume(Value(found, simple=True))
        return
    channel = Channel(code, right)
    with code.block(missing):
        emit(node.right, code, scope, channel.put)
    with code.block("else"):
        channel.put(Value(found, simple=True))
    channel.drain(consume)


def _alternative_list(node: Alternative, code: Code, scope: Scope, consume: Consume) -> None:
    """Write ``left // right`` where ``left`` may have several outputs: those that are neither false nor null."""
    channel = Channel(code, _MANY)

    def keep(value: Value) -> None:
        held = code.named(value)
        with code.block(f"if {truth(held, code)}"):
            channel.put(held)

    emit(node.left, code, scope, keep)
    with code.block(f"if not {channel.name}"):
        emit(node.right, code, scope, channel.put)
    channel.drain(consume)


@writer.register(Pipe)
def _pipe(node: Pipe, code: Code, scope: Scope, consume: Consume) -> None:
    emit(node.left, code, scope, lambda value: emit(node.right, code, scope.on(code.named(value)), consume))


@writer.register(Comma)
def _comma(node: Comma, code: Code, scope: Scope, consume: Consume) -> None:
    channel = Channel(code, _MANY)
    for item in node.items:
        emit(item, code, scope, channel.put)
    channel.drain(consume)


@writer.register(Binding)
def _binding(node: Binding, code: Code, scope: Scope, consume: Consume) -> None:
    def bound(value: Value) -> None:
        held = value if value.constant else code.named(value)
        emit(node.body, code, scope.bind(node.name, held), consume)

    emit(node.source, code, scope, bound)


@writer.register(Conditional)
def _conditional(node: Conditional, code: Code, scope: Scope, consume: Consume) -> None:
    def branch(condition: Value) -> None:
        if node.otherwise == EMPTY:
            with code.block(f"if {truth(condition, code)}"):
                emit(node.consequence, code, scope, consume)
            return
        first, second = outputs_of(node.consequence), outputs_of(node.otherwise)
        channel = Channel(code, Outputs(first.some and second.some, first.single and second.single))
        with code.block(f"if {truth(condition, code)}"):
            emit(node.consequence, code, scope, channel.put)
        with code.block("else"):
            emit(node.otherwise, code, scope, channel.put)
        channel.drain(consume)

    emit(node.condition, code, scope, branch)


@writer.register(Array)
def _array(node: Array, code: Code, scope: Scope, consume: Consume) -> None:
    items = () if node.body is None else node.body.items if isinstance(node.body, Comma) else (node.body,)
    if all(outputs_of(item).exactly_one for item in items):
        texts = [value_of(item, code, scope).text for item in items]
        consume(code.settled(Value(f"[{', '.join(texts)}]", "array")))
        return
    channel = Channel(code, _MANY)
    for item in items:
        emit(item, code, scope, channel.put)
    consume(Value(channel.name, "array", simple=True))


@writer.register(Object)
def _object(node: Object, code: Code, scope: Scope, consume: Consume) -> None:
    def build(values: list[Value]) -> None:
        keys = [key.text if key.kind == "string" else f"text_key({key.text})" for key in values[::2]]
        members = [value.text for value in values[1::2]]
        pairs = [f"{key}: {member}" for key, member in zip(keys, members, strict=True)]
        consume(code.settled(Value("{" + ", ".join(pairs) + "}")))

    combine(tuple(part for entry in node.entries for part in entry), code, scope, build)


@writer.register(Interpolation)
def _interpolation(node: Interpolation, code: Code, scope: Scope, consume: Consume) -> None:
    def join(values: list[Value]) -> None:
        texts = [value.text if value.kind == "string" else f"tostring({value.text})" for value in reversed(values)]
        consume(code.settled(Value(f"({' + '.join(texts)})", "string")))

    combine(tuple(reversed(node.parts)), code, scope, join)
