"""What somebody has who runs Ocean: variables in several places, values of a chart, a mapping."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from penstock.config.environment import APPLICATION, OCEAN, OURS, Variable, branches_of_ocean
from penstock.config.node import NOTHING, Node, children, to_snake
from penstock.config.ocean_file import reference_in, settings_of
from penstock.config.problems import Findings
from penstock.config.sources import text_of
from penstock.config.yaml_source import read_yaml
from penstock.errors import did_you_mean
from penstock.migration import chart
from penstock.migration.fate import Fate

CONFIG: Final = f"{OCEAN}INTEGRATION__CONFIG__"
PREFIXES: Final = (OCEAN, APPLICATION)
_UNUSABLE_URL: Final = "https://not-set.invalid"
"""Stands for an address that is nowhere set here, so that the rest can be looked at."""


class Found(Struct, frozen=True):
    """A variable of Ocean as it was met."""

    variable: Variable
    """Its ``source`` is unlike that of all others."""
    written: str
    """What it is called there: the variable, or ``integration.config.baseUrl``."""
    place: str
    """``.env:3``, ``values.yaml:7``, ``environment``."""
    reference: str | None = None
    """The variable that has the value, where only that is written."""
    known: bool = True
    """Whether the value is known here."""


class Gathered(Struct):
    """Everything that was found."""

    settings: list[Found] = field(default_factory=list[Found])
    """Weakest first."""
    others: dict[str, Variable] = field(default_factory=dict[str, Variable])
    """Variables that are nobody's, for ``${NAME}``."""
    fates: list[Fate] = field(default_factory=list[Fate])
    """Of what is no variable."""
    mapping: Path | None = None
    is_chart: bool = False


class Places(Struct, frozen=True):
    """Where to look."""

    folder: Path
    env_files: tuple[Path, ...] = ()
    ocean_config: Path | None = None
    helm_values: tuple[Path, ...] = ()
    mapping: Path | None = None
    environ: Mapping[str, str] | None = None
    """The variables of the process; None leaves them out."""


def gather(places: Places, found: Findings) -> Gathered:
    """Read what there is; in a folder, what has its usual name.

    Weakest first: ``config.yaml``, ``.env``, the values of the chart, the environment (sync.md 12).
    """
    gathered = Gathered()
    environ = dict(places.environ or {})
    lines = [line for file in _all(places.env_files, places.folder, (".env",)) for line in _dotenv(file, found)]
    known = {line.name: line for line in lines if line.value is not None}
    values = {name: line.value or "" for name, line in known.items()} | environ
    for file in _all([places.ocean_config] if places.ocean_config else [], places.folder, ("config.yaml",)):
        _read_config(file, values, gathered, found)
    for line in lines:
        _take(line.name, line.value, line.place, gathered, values)
    for file in _all(places.helm_values, places.folder, ("values.yaml", "values.yml")):
        _Chart(file, values, gathered, found).read()
    for name, value in environ.items():
        _take(name, value, "environment", gathered, values)
    _mark_strays(gathered)
    gathered.mapping = places.mapping or next(
        iter(_all((), places.folder, ("port-app-config.yml", "port-app-config.yaml", "port-app-config.json"))), None
    )
    return gathered


def _all(given: tuple[Path, ...] | list[Path], folder: Path, names: tuple[str, ...]) -> list[Path]:
    return list(given) or [folder / name for name in names if (folder / name).exists()][:1]


class _Line(Struct, frozen=True):
    name: str
    value: str | None
    place: str


def _dotenv(file: Path, found: Findings) -> Iterator[_Line]:
    """Iterate over the lines of a file of variables; one without ``=`` has its value elsewhere, as for docker."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - an import of something else has no use for it

    text = _text(file, found)
    for binding in parse_stream(io.StringIO(text)):
        written = binding.original.string
        blank = written.count("\n", 0, len(written) - len(written.lstrip()))
        place = f"{file}:{binding.original.line + blank}"
        if binding.error:
            found.warn(Node(None, "", place), "this line is not NAME=VALUE (ignored)")
        elif binding.key is not None:
            yield _Line(binding.key, binding.value, place)


def _text(file: Path, found: Findings) -> str:
    try:
        return text_of(file)
    except UnicodeDecodeError:
        found.problem(Node(None, "", str(file)), "the file is not UTF-8 text")
    except OSError as error:
        found.problem(Node(None, "", str(file)), f"cannot be read: {error.strerror}")
    return ""


def _take(name: str, value: str | None, place: str, gathered: Gathered, values: Mapping[str, str]) -> None:
    upper = name.upper()
    if upper.startswith(PREFIXES):
        text = values.get(name) if value is None else value
        source = f"{place} {name}"
        made = Variable(upper, stand_in(upper) if text is None else text, source)
        gathered.settings.append(Found(made, name, place, name if value is None else None, known=text is not None))
    elif not upper.startswith(OURS) and value is not None:
        gathered.others[name] = Variable(name, value, f"{place} {name}")


def stand_in(variable: str) -> str:
    """Return what stands for a value that nobody has told."""
    return _UNUSABLE_URL if variable.endswith("BASE_URL") else f"value-of-{variable}"


def _read_config(file: Path, values: Mapping[str, str], gathered: Gathered, found: Findings) -> None:
    for steps, node in settings_of(file, text_of, branches_of_ocean(), found):
        _set(OCEAN + "__".join(steps).upper(), node, values, gathered)


def _set(name: str, node: Node, values: Mapping[str, str], gathered: Gathered) -> None:
    """Take a value of a file for the variable of that name."""
    text = as_text(node)
    reference = reference_in(node)
    known = reference is None or reference in values
    if reference is not None:
        text = values.get(reference, stand_in(name))
    if text is not None:
        variable = Variable(name, text, f"{node.source} {node.path}")
        gathered.settings.append(Found(variable, node.path, node.source, reference, known))


def as_text(node: Node) -> str | None:
    """Return a value as a variable has it: collections as JSON; None for null."""
    if isinstance(node.value, dict | list):
        return json.dumps(node.plain(), ensure_ascii=False)
    return node.as_text()


class _Chart:
    """The values of a chart on their way to variables."""

    def __init__(self, file: Path, values: Mapping[str, str], gathered: Gathered, found: Findings) -> None:
        self._file, self._values, self._gathered, self._found = file, values, gathered, found
        self._cron = False
        self._lists: dict[str, Callable[[Node, str], None]] = {
            **dict.fromkeys(chart.SETTINGS, self._setting),
            chart.EXTRA: self._extra_config,
            chart.EXTRA_ENV: self._extra_env,
        }

    def read(self) -> None:
        root = read_yaml(self._file, text_of, self._found)
        if root is None:
            return
        if not isinstance(root.value, dict):
            self._found.problem(root, "expected a mapping of values")
            return
        self._gathered.is_chart = True
        workload = root.fields.get("workload", NOTHING).fields.get("kind", NOTHING)
        self._cron = workload.value == "CronJob"
        for node in children(root):
            self._value(node)
        if self._cron:
            self._set("OCEAN__EVENT_LISTENER", workload, json.dumps({"type": "ONCE"}))

    def _value(self, node: Node) -> None:
        name = node.path
        if node.value is None:
            return
        if name in self._lists:
            for child in children(node):
                self._lists[name](child, to_snake(child.path.removeprefix(f"{name}.")).upper())
        elif (reason := self._reason(name)) is not None:
            self._gathered.fates.append(Fate(name, node.source, "no effect", "", reason))
        elif name in chart.VARIABLES:
            self._set(chart.VARIABLES[name], node, as_text(node))
        elif node.fields and any(known.startswith(f"{name}.") for known in _KNOWN):
            for child in children(node):
                self._value(child)
        else:
            remark = f"the chart has no such value{did_you_mean(name, _KNOWN)}"
            self._gathered.fates.append(Fate(name, node.source, "unknown", "", remark))

    def _reason(self, name: str) -> str | None:
        """Return why a value is not for us."""
        return (chart.OF_JOBS if self._cron else {}).get(name) or chart.POD.get(name)

    def _setting(self, node: Node, name: str) -> None:
        self._set(CONFIG + name, node, as_text(node))

    def _extra_config(self, node: Node, name: str) -> None:
        self._extra(name, node, as_text(node))

    def _extra_env(self, node: Node, _: str) -> None:
        name = node.fields.get("name", NOTHING).as_text()
        if name is None:
            self._found.problem(node, "expected the name of a variable, and its value", path=f"{node.path}.name")
        else:
            self._extra(name, node, node.fields.get("value", NOTHING).as_text())

    def _extra(self, name: str, node: Node, text: str | None) -> None:
        if name.upper().startswith(PREFIXES):
            self._set(name.upper(), node, text)
        else:
            self._gathered.fates.append(Fate(node.path, node.source, "kept", name, "the variable is the same here"))
            if text is not None:
                self._gathered.others[name] = Variable(name, text, f"{node.source} {node.path}")

    def _set(self, name: str, node: Node, text: str | None) -> None:
        value = self._values.get(name, stand_in(name)) if text is None else text
        known = text is not None or name in self._values
        variable = Variable(name, value, f"{node.source} {node.path}")
        found = Found(variable, node.path, node.source, name if text is None else None, known)
        self._gathered.settings.append(found)


_KNOWN: Final = (*chart.VARIABLES, *chart.SETTINGS, chart.EXTRA, chart.EXTRA_ENV, *chart.POD)


def _mark_strays(gathered: Gathered) -> None:
    """A chart always hands over Port's credentials; who does not have them in a file gives them to helm."""
    names = {one.variable.name for one in gathered.settings}
    missing = [name for name in ("OCEAN__PORT__CLIENT_ID", "OCEAN__PORT__CLIENT_SECRET") if name not in names]
    for name in missing if gathered.is_chart else ():
        variable = Variable(name, stand_in(name), f"the chart {name}")
        gathered.settings.append(Found(variable, name, "the chart", name, known=False))
