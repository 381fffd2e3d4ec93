"""What is written, and where: our file, a mapping document, the environment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from penstock.config.documents import GeneralDocument
from penstock.config.environment import Environment, Variable, read_environment, variable_name
from penstock.config.interpolate import interpolate, interpolate_resources
from penstock.config.models import MappingFlags
from penstock.config.node import NOTHING, Node, children, from_json
from penstock.config.problems import Findings
from penstock.config.spelling import keys_in_snake_case
from penstock.config.validation import written_names
from penstock.config.yaml_source import parse_yaml, read_yaml
from penstock.values import JSON

BLOCKS: Final = ("connection", "sink", "expressions", "plugins", "tokens", "event_listener", "service")
_INTEGRATION: Final = ("identifier", "config", "secrets", "type")


def text_of(file: Path) -> str:
    """Return what a file holds now, without a byte order mark."""
    return file.read_text("utf-8-sig")


class KeptMapping(Protocol):
    """A mapping document that stands in no file."""

    @property
    def content(self) -> Mapping[str, JSON]:
        """The document."""
        ...

    @property
    def place(self) -> str:
        """Whose it is, for messages."""
        ...


class Inputs(Struct, frozen=True):
    """Where to look for settings."""

    config_file: Path | None = None
    mapping_file: Path | None = None
    """``--mapping FILE``: a port-app-config."""
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    sink: str | None = None
    """``--sink NAME``."""
    catalog: Path | None = None
    """``--catalog PATH``."""
    dotenv: Path | None = None
    """A ``.env`` file; it need not exist."""
    ocean_config: Path | None = None
    """Ocean's ``config.yaml``; it need not exist."""
    given: tuple[Variable, ...] = ()
    """Variables that were read from elsewhere; weaker than those of the process."""
    kept_mapping: KeptMapping | None = None
    """The mapping that the catalog keeps."""
    text_of: Callable[[Path], str] = text_of
    """Returns what a file holds; raises OSError or UnicodeDecodeError. A service keeps to what it once held."""


class Document(Struct, frozen=True):
    """A mapping document."""

    root: Node
    """Its top level, keys in snake_case."""
    strict: bool
    """Whether unknown keys in it are problems."""


class Sources(Struct, frozen=True):
    """Everything that was read, with ``${NAME}`` put in."""

    config: Node
    """Our file, keys of the top level in snake_case."""
    environment: Environment
    documents: tuple[Document, ...]
    """Where the mapping may stand, strongest first."""


def read_sources(inputs: Inputs, found: Findings) -> Sources:
    """Read all there is.

    Raises:
        ConfigurationError: A file cannot be read at all.
    """
    environment = environment_of(inputs, found)
    root, mapping = (read_root(file, inputs.text_of, found) for file in (inputs.config_file, inputs.mapping_file))
    if root is None or mapping is None:
        raise found.error()
    config = with_sound_blocks(_interpolated(root, environment.variables, found), found)
    if inputs.mapping_file is not None and not mapping.fields and not found.problems:
        found.problem(mapping, "is required: the mapping is empty", path="resources")
    return Sources(config, environment, tuple(_documents(inputs, config, mapping, environment, found)))


def environment_of(inputs: Inputs, found: Findings) -> Environment:
    """Read the environment."""
    return read_environment(
        inputs.environ,
        inputs.dotenv,
        inputs.text_of,
        found,
        given=inputs.given,
        ocean_config=inputs.ocean_config,
    )


def read_blocks(inputs: Inputs, names: Collection[str], environment: Environment, found: Findings) -> Node | None:
    """Return these members of our file's top level alone, with ``${NAME}`` put in; None after a problem."""
    root = read_root(inputs.config_file, inputs.text_of, found)
    if root is None:
        return None
    only = replace(root, value={key: child for key, child in root.fields.items() if key in names})
    return with_sound_blocks(_interpolated(only, environment.variables, found), found)


def read_root(file: Path | None, text_of: Callable[[Path], str], found: Findings) -> Node | None:
    """Return the top level of a file, keys in snake_case; empty without a file, None after a problem."""
    if file is None:
        return NOTHING
    node = read_yaml(file, text_of, found)
    if node is not None and not isinstance(node.value, dict):
        found.problem(node, "expected a mapping of settings")
        return None
    return None if node is None else replace(keys_in_snake_case(node, found), source=str(file))


def _interpolated(root: Node, variables: Mapping[str, str], found: Findings) -> Node:
    members = {
        key: interpolate_resources(child, variables, found)
        if key == "resources"
        else interpolate(child, variables, found, skip={"custom_headers", "mappings"})
        for key, child in root.fields.items()
    }
    return replace(root, value=members)


def with_sound_blocks(root: Node, found: Findings) -> Node:
    """Return the top level with every block a mapping; what is none is reported and left out."""
    members = dict(root.fields)
    for name in (*BLOCKS, "integration"):
        if name in members and not isinstance(members[name].value, dict):
            found.problem(members.pop(name), "expected a mapping of settings")
    if "integration" in members:
        inner = keys_in_snake_case(members["integration"], found)
        members["integration"] = replace(inner, value=dict(inner.fields))
        for name in ("config", "secrets"):
            if name in inner.fields and not isinstance(inner.fields[name].value, dict):
                found.problem(inner.fields[name], "expected a mapping of settings")
    return replace(root, value=members)


def _documents(
    inputs: Inputs, config: Node, mapping: Node, environment: Environment, found: Findings
) -> Iterator[Document]:
    """Give the places where a mapping may stand, strongest first."""
    if inputs.mapping_file is not None:
        yield Document(mapping, strict=False)
    ours = environment.ours.fields.get("resources")
    if ours is not None:
        yield Document(Node({"resources": _parsed(ours, "resources", found)}, "", ours.source), strict=False)
    for root in (environment.ocean, config):
        installed = root.fields.get("integration", NOTHING).fields.get("config", NOTHING).fields.get("mappings")
        if root is config:
            yield Document(config, strict=True)
        if installed is not None:
            document = interpolate_resources(_parsed(installed, "", found), environment.variables, found)
            if not isinstance(document.value, dict):
                found.problem(installed, "expected a mapping document with resources")
            yield Document(keys_in_snake_case(document, found), strict=False)
    if inputs.kept_mapping is not None:
        kept = from_json(dict(inputs.kept_mapping.content), "", inputs.kept_mapping.place)
        yield Document(keys_in_snake_case(kept, found), strict=False)


def _parsed(node: Node, path: str, found: Findings) -> Node:
    """Return what a text holds as YAML, or the node itself when it is no text."""
    if not isinstance(node.value, str):
        return node
    return parse_yaml(node.value, node.source, found, path=path, lines=False) or Node({}, path, node.source)


def document_with_resources(sources: Sources, found: Findings) -> Document | None:
    """Return the strongest document that has resources; None is a problem."""
    document = written_document(sources)
    if document is not None:
        return document
    if not any(problem.where.partition("[")[0] == "resources" for problem in found.problems):
        found.problem(
            sources.config, "is required: what to fetch, here or in a file given with --mapping", path="resources"
        )
    return None


def written_document(sources: Sources) -> Document | None:
    """Return the strongest document that has resources, if there is one."""
    return next((document for document in sources.documents if "resources" in document.root.fields), None)


def check_names(sources: Sources, found: Findings) -> None:
    """Report what is no setting at the top level of the files and among our variables."""
    names = [*GeneralDocument.model_fields, *BLOCKS, "resources"]
    for key, node in sources.environment.ours.fields.items():
        if key not in names:
            _report_variables(node, key, names, found)
    known = [*written_names(GeneralDocument), *BLOCKS, "resources"]
    _report_keys(sources.config, [*names, "integration"], known, found, strict=True)
    _report_keys(sources.config.fields.get("integration", NOTHING), _INTEGRATION, _INTEGRATION, found, strict=True)
    for document in sources.documents:
        if not document.strict:
            flags = [*MappingFlags.model_fields, "resources"]
            _report_keys(document.root, flags, [*written_names(MappingFlags), "resources"], found, strict=False)


def _report_keys(block: Node, names: Collection[str], written: Sequence[str], found: Findings, *, strict: bool) -> None:
    for node in (node for key, node in block.fields.items() if key not in names):
        found.unknown(node, node.path.rpartition(".")[2], written, strict=strict)


def _report_variables(node: Node, first: str, names: Sequence[str], found: Findings) -> None:
    if isinstance(node.value, dict):
        for child in children(node):
            _report_variables(child, first, names, found)
        return
    steps = node.path.split(".")
    near = get_close_matches(first, names, n=1)
    hint = f'; did you mean "{variable_name([*near, *steps[1:]])}"?' if near else ""
    found.warn(replace(node, path=""), f"there is no such setting{hint} (ignored)")
