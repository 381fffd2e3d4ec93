"""Made-up distributions as files: wheels, and folders as ``pip install --target`` leaves them."""

from __future__ import annotations

import csv
import io
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from textwrap import dedent
from typing import Any, Self

AUTH = """
    import httpx
    from penstock import AuthStrategy, PluginConfig, hookimpl

    class Config(PluginConfig):
        {name}_ticket: str = "t"

    class Flow(httpx.Auth):
        def auth_flow(self, request):
            request.headers["X-Ticket"] = "{name}"
            yield request

    class Acme(AuthStrategy[Config]):
        name = "{name}"

        def build(self, config, context):
            return Flow()

    Acme.Config = Config

    @hookimpl
    def penstock_auth():
        return Acme()
"""


def auth_code(name: str) -> str:
    """A module that offers an auth of that name."""
    return dedent(AUTH).format(name=name)


@dataclass(frozen=True)
class Package:
    """A distribution; its module is its name, and so is its only plugin, an auth, unless it says otherwise."""

    name: str
    version: str = "1.0"
    code: str | None = None
    """Of its module."""
    points: Mapping[str, Mapping[str, str]] | None = None
    """Entry points by group; None: its auth."""
    requires: tuple[str, ...] = ()
    headers: str = ""
    """More lines of ``METADATA``."""
    files: Mapping[str, str | bytes] = field(default_factory=dict[str, "str | bytes"])
    """More files, or others in place of its own."""
    tag: str = "py3-none-any"
    record: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    """What ``RECORD`` says of files in place of their digests; None: nothing."""

    def changed(self, **changes: Any) -> Self:  # noqa: ANN401
        return replace(self, **changes)

    @property
    def info(self) -> str:
        return f"{self.name}-{self.version}.dist-info"

    def contents(self) -> dict[str, bytes]:
        points = {"penstock.auth": {self.name: self.name}} if self.points is None else self.points
        sections = (
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
            for group, named in points.items()
        )
        requires = "".join(f"Requires-Dist: {text}\n" for text in self.requires)
        metadata = f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n{requires}{self.headers}"
        files: dict[str, str | bytes] = {
            f"{self.name}.py": auth_code(self.name) if self.code is None else self.code,
            f"{self.info}/METADATA": metadata,
            f"{self.info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {self.tag}\n",
            f"{self.info}/entry_points.txt": "".join(sections),
            **self.files,
        }
        contents = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
        return contents | {f"{self.info}/RECORD": self._record(contents)}

    def _record(self, contents: Mapping[str, bytes]) -> bytes:
        lines = {name: _digest(content) for name, content in contents.items()} | dict(self.record)
        text = io.StringIO()
        rows = [[name, digest, ""] for name, digest in lines.items() if digest is not None]
        csv.writer(text, lineterminator="\n").writerows([*rows, [f"{self.info}/RECORD", "", ""]])
        return text.getvalue().encode()

    def wheel(self, folder: Path) -> Path:
        """Write it as a wheel."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}-{self.version}-{self.tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in self.contents().items():
                archive.writestr(name, content)
        return path

    def tree(self, folder: Path) -> Path:
        """Write it as installed into a folder; return the ``.dist-info`` folder."""
        for name, content in self.contents().items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder / self.info


def _digest(content: bytes) -> str:
    return "sha256=" + urlsafe_b64encode(sha256(content).digest()).decode().rstrip("=")
