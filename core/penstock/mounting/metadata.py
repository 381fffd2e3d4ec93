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
    name = version = ""
    try:
        text = distribution.read_text("METADATA")
        if text is None:
            raise RefusedError(Refusal(Code.NO_METADATA, f"{where} has no METADATA"))
        metadata = distribution.metadata
        name, version = metadata["Name"] or "", metadata["Version"] or ""
        problem = _problem(distribution, name, version)
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}"
    except (ValueError, KeyError, TypeError) as error:
        problem = " ".join(str(error).split()) or type(error).__name__
    except Exception as error:  # noqa: BLE001 - configparser, email and packaging have errors of their own
        if isinstance(error, RefusedError):
            raise
        problem = " ".join(f"{type(error).__name__}: {error}".split())
    if problem:
        raise RefusedError(Refusal(Code.BAD_METADATA, f"the metadata in {where}: {problem}"), name=name, version=version)


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
