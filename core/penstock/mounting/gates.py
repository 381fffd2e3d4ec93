"""The gates that need nothing but what was read: each looks at one distribution, or at all of them side by side."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import EntryPoint
from typing import Any, TypeVar

from penstock.compatibility import unsuitability
from penstock.mounting.codes import Code, Refusal
from penstock.mounting.found import Found
from penstock.mounting.host import Host
from penstock.mounting.lock import Locks
from penstock.mounting.settings import ALLOW_VARIABLE, MountSettings

KeyT = TypeVar("KeyT")


def close_gates(found: Sequence[Found], settings: MountSettings, host: Host, points: Iterable[EntryPoint]) -> None:
    """Refuse every distribution that a gate is shut for.

    Args:
        found: What is mounted.
        settings: What it must prove.
        host: What it must get along with.
        points: The plugins of the host.
    """
    locks = Locks(settings)
    for one in found:
        one.refuse(_path_file(one) or _not_allowed(one, settings, found))
        one.refuse(locks.refusal(one) or _exposed(one, locks) or _other_penstock(one) or _other_python(one))
    _refuse_twice(found, host)
    _refuse_useless(found)
    _refuse_shadows(found, host)
    _refuse_clashes(found, points)
    _refuse_lacking(found, host)


def needed_by(found: Sequence[Found], wanting: Found) -> list[Found]:
    """Return what of the mounted distributions one needs, directly or not, itself first."""
    by_key = {one.key: one for one in found}
    needed = {wanting.key: wanting}
    for one in (todo := [wanting]):
        for requirement in one.requirements():
            other = by_key.get(_key(requirement))
            if other is not None and other.key not in needed:
                needed[other.key] = other
                todo.append(other)
    return list(needed.values())


def _key(requirement: Any) -> str:  # noqa: ANN401 - packaging is imported only where something is mounted
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    return canonicalize_name(requirement.name)


def _path_file(found: Found) -> Refusal | None:
    names = [name for name in found.files.names if name.endswith(".pth")]
    return Refusal(Code.PATH_FILE, f"it brings {names[0]}, which was not run") if names else None


def _not_allowed(found: Found, settings: MountSettings, others: Sequence[Found]) -> Refusal | None:
    if settings.allows(found.name) or (not found.points and _is_needed(found, others, settings)):
        return None
    return Refusal(Code.NOT_ALLOWED, f"{ALLOW_VARIABLE} does not name {found.name}")


def _is_needed(found: Found, others: Sequence[Found], settings: MountSettings) -> bool:
    """Return whether an allowed plugin needs it: then it comes along."""
    plugins = [one for one in others if one.points and settings.allows(one.name)]
    return any(found in needed_by(others, plugin) for plugin in plugins)


def _exposed(found: Found, locks: Locks) -> Refusal | None:
    if not found.exposed or locks.hold(found):
        return None
    return Refusal(Code.WRITABLE, f"anybody may write to {found.path.name}")


def _other_penstock(found: Found) -> Refusal | None:
    reason = unsuitability(found.distribution)
    return Refusal(Code.API_LEVEL, reason) if reason else None


def _other_python(found: Found) -> Refusal | None:
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415
    from packaging.tags import parse_tag, sys_tags  # noqa: PLC0415

    wanted = found.distribution.metadata.get("Requires-Python") or ""
    ours = ".".join(map(str, sys.version_info[:3]))
    if not SpecifierSet(wanted).contains(ours, prereleases=True):
        return Refusal(Code.PYTHON_VERSION, f"it needs Python {wanted}, and this is {ours}")
    lines = (found.distribution.read_text("WHEEL") or "").splitlines()
    tags = [line.partition(":")[2].strip() for line in lines if line.startswith("Tag:")]
    if not tags or "py3-none-any" in tags:
        return None
    built_for = {tag for text in tags for tag in parse_tag(text)}
    if built_for.isdisjoint(sys_tags()):
        return Refusal(Code.PLATFORM, f"it was built for {', '.join(tags)}, which does not run here")
    return None


def _refuse_twice(found: Sequence[Found], host: Host) -> None:
    for _, rivals in _grouped((one.key, one) for one in found):
        if len(rivals) > 1:
            listed = ", ".join(f"{one.version} in {one.path}" for one in rivals)
            for one in rivals:
                one.refuse(Refusal(Code.DUPLICATE, f"{one.name} is mounted {len(rivals)} times ({listed})"))
    for one in found:
        if one.points and one.kind != "file" and (installed := host.version(one.key)) is not None:
            one.refuse(Refusal(Code.DUPLICATE, f"{one.name} {installed} is installed too"))


def _refuse_useless(found: Sequence[Found]) -> None:
    needed = {id(part) for one in found if one.points for part in needed_by(found, one)}
    for one in found:
        if id(one) not in needed:
            one.refuse(Refusal(Code.NO_ENTRY_POINT, f"{one.name} has no entry point for a plugin"))
        for point in one.points:
            if not _has_module(one, point.module):
                one.refuse(
                    Refusal(Code.DEAD_ENTRY_POINT, f"{point.name} = {point.value}: there is no such module in it")
                )


def _has_module(found: Found, module: str) -> bool:
    path = module.replace(".", "/")
    return any(
        name in {f"{path}.py", f"{path}/__init__.py"}
        or (name.startswith((f"{path}.", f"{path}/__init__.")) and name.endswith((".so", ".pyd")))
        for name in found.files.names
    )


def _refuse_shadows(found: Sequence[Found], host: Host) -> None:
    for one in found:
        for module in one.modules:
            if host.has_module(module):
                one.refuse(Refusal(Code.SHADOWING, f"its module {module} is one of the host's or of Python's"))
    offered = [(module, one) for one in found if one.refusal is None for module in one.modules]
    for module, rivals in _grouped(offered):
        if len(rivals) > 1 and not all(one.modules[module] for one in rivals):
            for one in rivals:
                one.refuse(Refusal(Code.SHADOWING, f"its module {module} is in {_others(one, rivals)} too"))


def _refuse_clashes(found: Sequence[Found], points: Iterable[EntryPoint]) -> None:
    taken = {(point.group, point.name): point.dist.name if point.dist else "the host" for point in points}
    claims = [((point.group, point.name), one) for one in found if one.refusal is None for point in one.points]
    for (group, name), one in claims:
        if (group, name) in taken:
            one.refuse(Refusal(Code.NAME_CLASH, f"{_word(group, name)} is also of {taken[group, name]}"))
    for (group, name), rivals in _grouped(claims):
        for one in rivals if len(rivals) > 1 else ():
            one.refuse(Refusal(Code.NAME_CLASH, f"{_word(group, name)} is also of {_others(one, rivals)}"))


def _refuse_lacking(found: Sequence[Found], host: Host) -> None:
    """Refuse what lacks something, again and again, for what it needs may be refused in turn."""
    while lacking := [(one, refusal) for one in found if one.refusal is None for refusal in _lacking(one, found, host)]:
        for one, refusal in lacking:
            one.refuse(refusal)


def _lacking(one: Found, found: Sequence[Found], host: Host) -> Iterator[Refusal]:
    for requirement in one.requirements():
        key = _key(requirement)
        version, where = host.version(key), "the host has"
        if version is None:
            mounted = next((other for other in found if other.key == key), None)
            if mounted is None:
                yield Refusal(Code.MISSING_DEPENDENCY, f"{one.name} needs {requirement}, and there is none")
                continue
            if mounted.refusal is not None:
                yield Refusal(Code.MISSING_DEPENDENCY, f"{one.name} needs {requirement}, which is refused itself")
                continue
            version, where = mounted.version, "there is"
        if not requirement.specifier.contains(version, prereleases=True):
            message = f"{one.name} needs {requirement}, and {where} {requirement.name} {version}"
            yield Refusal(Code.INCOMPATIBLE_DEPENDENCY, message)


def _word(group: str, name: str) -> str:
    return f'the {group.removeprefix("penstock.")} plugin "{name}"'


def _others(one: Found, rivals: Iterable[Found]) -> str:
    return ", ".join(f"{other.name} ({other.path})" for other in rivals if other is not one)


def _grouped(pairs: Iterable[tuple[KeyT, Found]]) -> list[tuple[KeyT, list[Found]]]:
    groups: dict[KeyT, list[Found]] = defaultdict(list)
    for key, one in pairs:
        groups[key].append(one)
    return list(groups.items())
