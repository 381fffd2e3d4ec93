"""The chart, rendered by Helm itself; without Helm its tests are skipped, and say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "penstock"
LEAST: Mapping[str, Any] = {"mapping": {"resources": [{"kind": "/users"}]}}
"""Without a mapping nothing is rendered."""
CRON: Mapping[str, Any] = {"workload": {"kind": "CronJob"}}
"""Jobs by a schedule, rather than a service."""

Manifest: TypeAlias = dict[str, Any]

helm: Any = pytest.importorskip("helm_python", reason="Helm is not installed: `tox -e chart` renders the chart")


class Manifests:
    """What a release consists of."""

    def __init__(self, templates: Mapping[str, str]) -> None:
        self._kinds: defaultdict[str, list[Manifest]] = defaultdict(list)
        for name, text in templates.items():
            if name.endswith(".yaml"):
                for document in yaml.safe_load_all(text):
                    self._kinds[document["kind"]].append(document)

    def all(self) -> list[Manifest]:
        return [document for found in self._kinds.values() for document in found]

    def kinds(self) -> set[str]:
        return set(self._kinds)

    def one(self, kind: str, suffix: str = "") -> Manifest:
        found = [document for document in self._kinds[kind] if document["metadata"]["name"] == f"hr-penstock{suffix}"]
        [document] = found
        return document

    @property
    def job(self) -> Manifest:
        """The Job that runs at once."""
        [job] = self._kinds["Job"]
        return job

    @property
    def template(self) -> Manifest:
        """What the Deployment or the CronJob makes pods of."""
        found: Manifest
        if "Deployment" in self._kinds:
            found = self.one("Deployment")["spec"]["template"]
        else:
            found = self.one("CronJob")["spec"]["jobTemplate"]["spec"]["template"]
        return found

    @property
    def pod(self) -> Manifest:
        return dict(self.template["spec"])

    @property
    def container(self) -> Manifest:
        [container] = cast("list[Manifest]", self.pod["containers"])
        return container

    @property
    def variables(self) -> dict[str, str]:
        return dict(self.one("ConfigMap")["data"])

    @property
    def secrets(self) -> dict[str, str]:
        return dict(self.one("Secret").get("stringData") or {})


def render(*values: Mapping[str, Any]) -> Manifests:
    """Render a release ``hr`` in a namespace ``portal`` with the least values and these, the last first."""
    merged: dict[str, Any] = dict(LEAST)
    for more in values:
        merged = _merged(merged, more)
    return Manifests(helm.Chart.load(str(CHART)).render(merged, name="hr", namespace="portal"))


def refusal(values: Mapping[str, Any]) -> str:
    """Return why Helm refuses values."""
    with pytest.raises(helm.HelmError) as caught:
        render(values)
    return str(caught.value)


def at(path: str, value: object) -> dict[str, Any]:
    """Return values as ``--set path=value`` would make them."""
    names: Sequence[str] = path.split(".")
    values = value
    for name in reversed(names):
        values = {name: values}
    return cast("dict[str, Any]", values)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        name: _merged(below[name], value) if _maps(below.get(name), value) else value for name, value in above.items()
    }
    return {**below, **both}


def _maps(one: object, other: object) -> bool:
    return isinstance(one, Mapping) and isinstance(other, Mapping)
