"""``penstock plugins new`` and ``penstock plugins check``: for those who write plugins or are given some."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from penstock.cli.console import put, put_json
from penstock.cli.failures import FAILED, explained, misuse
from penstock.cli.options import PATH, examples, text_or_json, verbosely

if TYPE_CHECKING:
    from penstock.mounting import Verdict
    from penstock.scaffold.kit import Kit

NEW_EPILOG: Final = examples(
    "penstock plugins new auth acme_login",
    "penstock plugins new pagination acme_pages --into ~/src",
    "cd penstock-acme-login && pytest && penstock plugins check .",
)
CHECK_EPILOG: Final = examples(
    "penstock plugins check .",
    "penstock plugins check dist/penstock_acme-1.0.0-py3-none-any.whl",
    "penstock plugins check ./plugins --format json",
)
_DECLARE: Final = "it declares no case in the entry point group penstock.conformance, so the kit was not run"


@click.command(epilog=NEW_EPILOG)
@click.argument("family", type=click.Choice(["auth", "pagination", "sink"]), help="What the plugin is to be.")
@click.argument("name", metavar="NAME", help="The word a configuration will write: acme_login.")
@click.option("--into", metavar="FOLDER", type=PATH, default=Path(), help="Where to make its folder.")
@verbosely
def new(*, family: Literal["auth", "pagination", "sink"], name: str, into: Path, verbose: bool) -> None:
    """Write the package of a new plugin, with a test suite that passes.

    The folder is called penstock-NAME. It holds a plugin that works (an auth that asks for a token, a pagination by
    key, a sink of one JSON file), its tests, a pyproject.toml with its entry points, a README and a licence: change
    what differs from what you need.
    """
    with explained(verbose=verbose):
        from penstock.plugins import PluginManager
        from penstock.scaffold import create

        folder = create(family, name, into, taken=PluginManager(disabled=()).names(family))
        for file in sorted(path.relative_to(into) for path in folder.rglob("*") if path.is_file()):
            put(str(file))


@click.command(epilog=CHECK_EPILOG)
@click.argument("path", metavar="PATH", type=PATH, help="A wheel, a source folder, or a folder of plugins.")
@text_or_json
@verbosely
def check(*, path: Path, output: Literal["text", "json"], verbose: bool) -> None:
    """Try a plugin before it is used: first the gates, then the kit.

    The gates are those that a mounted plugin must pass, the kit is that of its family.

    A folder with a pyproject.toml is built first, with its own build backend, which must be installed: nothing is
    downloaded. Its code is run, in processes of their own: check nothing that you would not run. The kit needs pytest.
    The exit code is 1 where a gate is shut or a rule is broken.
    """
    with explained(verbose=verbose):
        if not path.exists():
            raise misuse(str(path), "there is no such file or folder; expected a wheel or a folder")
        results = _checked(path)
        if output == "json":
            put_json([_to_json(verdict, kits) for verdict, kits in results])
        else:
            for verdict, kits in results:
                _tell(verdict, kits)
    if not results or any(verdict.refusal or any(kit.broken for kit in kits) for verdict, kits in results):
        raise SystemExit(FAILED)


def _checked(path: Path) -> list[tuple[Verdict, list[Kit]]]:
    import os
    from tempfile import TemporaryDirectory

    from penstock.errors import PluginError
    from penstock.mounting import MountSettings, examine
    from penstock.plugins import installed_points
    from penstock.scaffold.build import build_wheel

    with TemporaryDirectory(prefix="penstock-check-") as name:
        scratch = Path(name)
        looked_at = path
        if (path / "pyproject.toml").is_file():
            (scratch / "wheel").mkdir()
            looked_at = build_wheel(path, scratch / "wheel")
        settings = MountSettings.of(os.environ)._replace(folders=(), cache=scratch / "cache")
        verdicts = examine(looked_at, settings, installed_points())
        if not verdicts:
            message = (
                f"{path} holds no plugin: expected a wheel, a folder with a pyproject.toml, or a folder of plugins"
            )
            raise PluginError(message)
        accepted = [verdict for verdict in verdicts if verdict.refusal is None]
        importable = _importable(accepted, scratch)
        return [(verdict, _kits(verdict, importable, scratch)) for verdict in verdicts]


def _importable(verdicts: list[Verdict], scratch: Path) -> list[str]:
    """Return the folders from which what was accepted can be imported; wheels are unpacked."""
    from zipfile import ZipFile

    found: dict[str, None] = {}
    for number, verdict in enumerate(verdicts):
        if verdict.path.suffix == ".whl":
            place = scratch / f"unpacked{number}"
            with ZipFile(verdict.path) as wheel:
                wheel.extractall(place)  # its paths have passed the gates
            found[str(place)] = None
        else:
            found[str(verdict.path if verdict.path.is_dir() else verdict.path.parent)] = None
    return list(found)


def _kits(verdict: Verdict, importable: list[str], scratch: Path) -> list[Kit]:
    from importlib.metadata import distributions
    from tempfile import mkdtemp

    from penstock.scaffold.kit import GROUP, run_kit

    if verdict.refusal is not None or not verdict.points:
        return []
    found = next(iter(distributions(name=verdict.name, path=importable)), None)
    cases = [] if found is None else [*found.entry_points.select(group=GROUP)]
    return run_kit(cases, importable, Path(mkdtemp(dir=scratch))) if cases else []


def _tell(verdict: Verdict, kits: list[Kit]) -> None:
    put(f"{verdict.name} {verdict.version}".rstrip())
    if verdict.refusal is not None:
        put(f"  gate shut: {verdict.refusal.code.value}: {verdict.refusal}")
        return
    offered = ", ".join(f"{point.group.removeprefix('penstock.')} {point.name}" for point in verdict.points)
    put(f"  gates passed: {offered or 'it offers no plugin'}")
    for kit in kits:
        put(f"  {kit.name}: {kit.passed} rules kept, {kit.skipped} do not apply, {len(kit.broken)} broken")
        for rule, seen in kit.broken:
            put(f"    {rule}: {seen}")
    if verdict.points and not kits:
        put(f"  {_DECLARE}")


def _to_json(verdict: Verdict, kits: list[Kit]) -> dict[str, Any]:
    refusal = verdict.refusal
    return {
        "distribution": verdict.name,
        "version": verdict.version,
        "plugins": [f"{point.group.removeprefix('penstock.')}:{point.name}" for point in verdict.points],
        "gate": None if refusal is None else {"code": refusal.code.value, "message": str(refusal)},
        "kits": [
            {
                "name": kit.name,
                "passed": kit.passed,
                "skipped": kit.skipped,
                "broken": [{"rule": rule, "seen": seen} for rule, seen in kit.broken],
            }
            for kit in kits
        ],
    }
