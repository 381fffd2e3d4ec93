"""The bill of materials of the image: CycloneDX 1.6, in JSON."""

from __future__ import annotations

import json
import platform
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

from debian import Package

Component: TypeAlias = dict[str, object]

PRODUCT: Final = "penstock"


def bill_of_materials(site_packages: Path, debian: Iterable[Package], epoch: int) -> str:
    """Return what the image is made of: the same text for the same parts.

    Args:
        site_packages: Where the Python packages are.
        debian: The packages that its libraries come from.
        epoch: Seconds since 1970 to date it with.
    """
    python = sorted((_python_package(found) for found in distributions(path=[str(site_packages)])), key=_reference)
    [product] = [component for component in python if component["name"] == PRODUCT]
    parts = [component for component in python if component is not product]
    parts += [_interpreter(), *(_debian_package(package) for package in debian)]
    references = [_reference(component) for component in parts]
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, " ".join([_reference(product), *references])).urn,
        "version": 1,
        "metadata": {"timestamp": datetime.fromtimestamp(epoch, tz=UTC).isoformat(), "component": product},
        "components": parts,
        "dependencies": [{"ref": _reference(product), "dependsOn": references}],
    }
    return json.dumps(bill, indent=2) + "\n"


def _reference(component: Component) -> str:
    return str(component["purl"])


def _component(kind: str, name: str, version: str, purl: str) -> Component:
    """Describe one part; the package URLs follow https://github.com/package-url/purl-spec."""
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _python_package(found: Distribution) -> Component:
    name, version = found.metadata["Name"], found.version
    kind = "application" if name == PRODUCT else "library"
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{quote(version, safe='')}"
    return _component(kind, name, version, purl) | _terms(found)


def _terms(found: Distribution) -> Component:
    """Return the licence as the package tells it: an SPDX expression, or else a name of its own choice."""
    if expression := found.metadata.get("License-Expression"):
        return {"licenses": [{"expression": expression}]}
    name = found.metadata.get("License", "").strip()
    return {"licenses": [{"license": {"name": name}}]} if name and "\n" not in name else {}


def _interpreter() -> Component:
    version = platform.python_version()
    component = _component("platform", "python", version, f"pkg:generic/python@{version}")
    return component | {"cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"}


def _debian_package(package: Package) -> Component:
    release = platform.freedesktop_os_release()
    distro = f"{release['ID']}-{release['VERSION_ID']}"
    version = quote(package.version, safe="")
    purl = f"pkg:deb/{release['ID']}/{package.name}@{version}?arch={package.architecture}&distro={distro}"
    return _component("library", package.name, package.version, purl)
