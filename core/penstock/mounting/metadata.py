"""What every mounted distribution must say of itself before anything else is asked."""

from __future__ import annotations

from importlib.metadata import Distribution

from penstock.mounting.codes import Code, Refusal
from penstock.mounting.found import RefusedError


def check_metadata(distribution: Distribution, where: str) -> None:
    """Check that name, version, requirements and entry points can be read.

    Raises:
        RefusedError: They cannot.
    """
    try:
        missing = distribution.read_text("METADATA") is None
    except UnicodeDecodeError:
        missing = False
    if missing:
        raise RefusedError(Refusal(Code.NO_METADATA, f"{where} has no METADATA"))
    problem, known = _readable(distribution)
    if problem:
        raise RefusedError(Refusal(Code.BAD_METADATA, f"the metadata in {where}: {problem}"), **known)


def _readable(distribution: Distribution) -> tuple[str, dict[str, str]]:
    """Return what is wrong, empty if nothing is, and name and version as far as they are known."""
    known = {"name": "", "version": ""}
    try:
        metadata = distribution.metadata
        known = {"name": metadata["Name"] or "", "version": metadata["Version"] or ""}
        return _problem(distribution, **known), known
    except UnicodeDecodeError as error:
        return f"is not UTF-8 at byte {error.start}", known
    except Exception as error:  # noqa: BLE001 - configparser, email and packaging have errors of their own
        return " ".join(f"{type(error).__name__}: {error}".split()), known


def _problem(distribution: Distribution, name: str, version: str) -> str:
    from packaging.requirements import Requirement  # noqa: PLC0415 - only where something is mounted
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415
    from packaging.utils import canonicalize_name  # noqa: PLC0415
    from packaging.version import Version  # noqa: PLC0415

    if not name or not version:
        return "Name or Version is missing"
    canonicalize_name(name, validate=True)
    Version(version)
    for text in distribution.requires or ():
        Requirement(text)
    SpecifierSet(distribution.metadata.get("Requires-Python") or "")
    for point in distribution.entry_points:
        if not point.name or not point.value:
            return "an entry point has no name or no value"
    return ""
