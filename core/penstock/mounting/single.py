"""A single mounted ``.py`` file with hookimpls: for development, since it has neither version nor requirements."""

from __future__ import annotations

import ast
import stat
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from penstock.mounting.codes import Code, Refusal
from penstock.mounting.found import Files, Found, RefusedError
from penstock.plugins import FAMILIES


class _OneFile(Files):
    def __init__(self, path: Path, content: bytes) -> None:
        self.names = [path.name]
        self._content = content

    def read(self, name: str) -> bytes:
        del name
        return self._content


class _FileDistribution(Distribution):
    """What the metadata would be, if the file had any."""

    def __init__(self, path: Path, families: list[str]) -> None:
        self._path = path
        points = "".join(f"[penstock.{family}]\n{path.stem} = {path.stem}\n" for family in families)
        self._texts = {
            "METADATA": f"Metadata-Version: 2.1\nName: {path.name}\nVersion: 0\n",
            "entry_points.txt": points,
        }

    def read_text(self, filename: str) -> str | None:
        return self._texts.get(filename)

    def locate_file(self, path: Any) -> Any:  # noqa: ANN401 - the base class has other types in every version
        return self._path.parent / str(path)


def read_single(path: Path, folder: Path) -> Found:
    """Return what a single file offers: each family whose hook it implements, under the file's own name.

    Raises:
        RefusedError: It is no Python, or implements no hook.
    """
    try:
        content = path.read_bytes()
        families = list(_families(ast.parse(content)))
    except OSError as error:
        raise RefusedError(Refusal(Code.UNREADABLE, f"{path.name} cannot be read: {error.strerror}")) from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RefusedError(Refusal(Code.IMPORT_FAILED, f"{path.name} is no Python: {error}")) from error
    if not families:
        hooks = ", ".join(f"penstock_{family}" for family in FAMILIES)
        raise RefusedError(Refusal(Code.NO_ENTRY_POINT, f"{path.name} implements none of {hooks} with @hookimpl"))
    return Found(
        path=path,
        folder=folder,
        kind="file",
        files=_OneFile(path, content),
        distribution=_FileDistribution(path, families),
        digest=sha256(content).hexdigest(),
        exposed=bool(path.stat().st_mode & stat.S_IWOTH),
    )


def _families(module: ast.Module) -> Iterator[str]:
    functions = {
        node.name for node in module.body if isinstance(node, ast.FunctionDef) and any(map(_marks, node.decorator_list))
    }
    return (family for family in FAMILIES if f"penstock_{family}" in functions)


def _marks(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name == "hookimpl"
