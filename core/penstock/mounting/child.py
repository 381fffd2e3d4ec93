"""The child process in which a mounted plugin is imported first: run as a script, with a folder for its argument.

``request.json`` in that folder says what to import, and ``result.json`` what came of it. Whatever happens, it happens
here: the process may crash, hang or end, and its owner sees that there is no result.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

_GUARDED: Final = ("penstock", "httpx", "httpcore", "pydantic", "pydantic_core", "pluggy", "anyio")
"""Libraries of which classes are guarded too."""
_THERE_BEFORE: Final = ("penstock.config.load", "penstock.sync.run")
"""These import all that a plugin could change."""
_LONGEST: Final = 500
"""Characters of what an error says."""
_LARGEST_FILE: Final = 16 * 1024 * 1024
"""Bytes: what an import prints must not fill a disk."""


def main(folder: Path) -> None:
    """Import what the request names, and write down what came of it."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    _limit(request["mib"])
    sys.path[:] = request["host"]
    verdict = _verdict(request)
    fresh = folder / "result.new"
    fresh.write_text(json.dumps(verdict), encoding="utf-8")
    fresh.replace(folder / "result.json")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # neither threads that were left nor what was to be done at exit keeps us


def _limit(mib: int) -> None:
    import resource  # noqa: PLC0415

    size = mib << 20
    # addresses are no memory: threads and libraries reserve many that they never touch
    limits = {"RLIMIT_DATA": size, "RLIMIT_AS": 4 * size, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": _LARGEST_FILE}
    for name, limit in limits.items():
        with suppress(AttributeError, ValueError, OSError):  # not every system has them all, or allows it
            resource.setrlimit(getattr(resource, name), (limit, limit))


def _verdict(request: Mapping[str, Any]) -> dict[str, str]:
    for name in _THERE_BEFORE:
        import_module(name)
    from penstock.plugins import config_of, load_strategy  # noqa: PLC0415

    before = _fingerprint()
    sys.path += request["mounted"]
    for family, name, value in request["points"]:
        point = EntryPoint(name, value, f"penstock.{family}")
        try:
            point.load()
        except BaseException as error:  # noqa: BLE001 - this is what the process is for
            return _blame(error)
        if changed := next(_changes(before), ""):
            return {"code": "changes_host", "detail": f"importing it changes {changed}"}
        try:
            config_of(load_strategy(family, name, point)).model_json_schema()
        except BaseException as error:  # noqa: BLE001
            return {"code": "unfit", "detail": _said(error)}
    if changed := next(_changes(before), ""):
        return {"code": "changes_host", "detail": f"its hook changes {changed}"}
    return {"code": "", "detail": ""}


def _blame(error: BaseException) -> dict[str, str]:
    if isinstance(error, SystemExit):
        return {"code": "import_exited", "detail": f"importing it calls sys.exit({error.code!r})"}
    if isinstance(error, MemoryError):
        return {"code": "import_memory", "detail": "importing it takes more memory than it may"}
    return {"code": "import_failed", "detail": f"importing it raises {_said(error)}"}


def _said(error: BaseException) -> str:
    try:
        text = f"{type(error).__name__}: {error}"
    except BaseException:  # noqa: BLE001 - its __str__ is a stranger's too
        text = type(error).__name__
    return " ".join(text.split())[:_LONGEST]


def _fingerprint() -> dict[tuple[str, str], object]:
    """Return everything that a plugin has no business to replace, kept alive, so that its identity is its own."""
    seen: dict[tuple[str, str], object] = {}
    for name, module in list(sys.modules.items()):
        if name == "__main__" or not isinstance(module, ModuleType):  # pyright: ignore[reportUnnecessaryIsInstance]
            continue  # None stands for a module that must not be imported
        for attribute, value in list(vars(module).items()):
            if isinstance(value, (FunctionType, type, ModuleType)) or type(value).__name__.startswith("builtin"):
                seen[name, attribute] = value
            if isinstance(value, type) and name.partition(".")[0] in _GUARDED and value.__module__ == name:
                seen.update({(f"{name}.{attribute}", inner): held for inner, held in _methods(value)})
    seen["sys", "meta_path"] = list(sys.meta_path)
    seen["sys", "path_hooks"] = list(sys.path_hooks)
    seen["os", "environ"] = dict(os.environ)
    return seen


def _methods(value: type) -> Iterator[tuple[str, object]]:
    return ((name, held) for name, held in list(vars(value).items()) if callable(held) or isinstance(held, property))


def _changes(before: Mapping[tuple[str, str], object]) -> Iterator[str]:
    after = _fingerprint()
    for key, value in before.items():
        there = key in after
        same = there and (after[key] == value if isinstance(value, (list, dict)) else after[key] is value)
        if not same and not _is_lazy(key):
            yield ".".join(key)


def _is_lazy(key: tuple[str, str]) -> bool:
    """Return whether it belongs to what pydantic and abc complete at first use."""
    return key[1].startswith(("__pydantic_", "_abc_", "__signature__"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
