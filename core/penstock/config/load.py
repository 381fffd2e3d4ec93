"""From files, environment and command line to ``Settings``, or to every problem there is, at once.

Precedence: command line, environment (``PENSTOCK__`` before ``OCEAN__``), files, defaults.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel, SecretStr

from penstock.config.connection import read_connection
from penstock.config.documents import GeneralDocument
from penstock.config.environment import Environment
from penstock.config.mapping import read_resources
from penstock.config.models import Access, Chosen, ExpressionLimits, MappingFlags, PluginLimits, Settings, TokenStorage
from penstock.config.node import NOTHING, Node, to_snake
from penstock.config.ocean import say_what_a_listener_ignores, say_what_has_no_effect, schedule_in
from penstock.config.problems import Findings
from penstock.config.settings import Layer, PluginSettings, Setting, layer_of, merged, part_for, read_block
from penstock.config.sink import read_sink
from penstock.config.sources import (
    Document,
    Inputs,
    Sources,
    check_names,
    document_with_resources,
    environment_of,
    read_blocks,
    read_sources,
    written_document,
)
from penstock.config.tokens import read_tokens
from penstock.config.urls import host
from penstock.config.validation import validate
from penstock.listening import Listening
from penstock.plugins import PluginManager, config_of
from penstock.strategies import SinkStrategy

if TYPE_CHECKING:
    from penstock.config.service import Calendar, ServiceDocument

__all__ = [
    "Inputs",
    "Place",
    "asks_for_one_sync",
    "load_access",
    "load_calendar",
    "load_place",
    "load_service",
    "load_settings",
    "load_sink",
    "load_tokens",
]

STATE_DIR: Final = ".penstock"
_SINK: Final = frozenset({"sink"})
_TOKENS: Final = frozenset({"tokens", "state_dir"})
_SERVING: Final = frozenset({"service", "event_listener"})
_SERVICE: Final = frozenset({"service"})
_CALENDAR: Final = frozenset({"event_listener", "scheduled_resync_interval"})
_ACCESS: Final = _TOKENS | {"connection", "integration"}
_PLACE: Final = frozenset({"source", "state_dir", "connection", "integration"})
_OF_PLACE: Final = frozenset({"source", "identifier", "state_dir", "base_url"})


def load_settings(inputs: Inputs, plugins: PluginManager) -> Settings:
    """Read everything a run needs to know; nothing is requested, and only plugins that are named are imported.

    Raises:
        ConfigurationError: With every problem that was found.
    """
    found = Findings()
    sources = read_sources(inputs, found)
    config, environment, chooser = sources.config, sources.environment, PluginSettings(plugins, found)
    check_names(sources, found)
    general = _read_general(sources, found)
    read = read_connection(config, environment, chooser, found)
    sink = read_sink(config, environment, chooser, found, name=inputs.sink, catalog=_text(inputs.catalog))
    limits, _ = read_block("expressions", ExpressionLimits, config, environment, found)
    calls, _ = read_block("plugins", PluginLimits, config, environment, found)
    state_dir = _state_dir(general, inputs)
    tokens = read_tokens(config, environment, found, beside=state_dir)
    listening = _listening(config, environment, found)
    say_what_has_no_effect(environment, config_of(sink.chosen.strategy) if sink else None, plugins, found)
    # without settings of the sink nobody knows whether it keeps one: those are told, and the mapping asked for after
    kept = (sink is None or sink.chosen.strategy.keeps_mappings) and written_document(sources) is None
    document = None if kept else document_with_resources(sources, found)
    resources = (
        read_resources(document.root.fields["resources"], read.http, read.paginations, found, strict=document.strict)
        if document
        else ()
    )
    if found.problems or not (general and read.connection and sink and limits and calls and tokens):
        raise found.error()
    return Settings(
        source=general.source or host(read.connection.http.base_url),
        connection=read.connection,
        sink=sink.chosen,
        sink_places=sink.places,
        resources=resources,
        flags=MappingFlags.model_validate(general.model_dump(include=set(MappingFlags.model_fields))),
        expressions=limits,
        tokens=tokens,
        plugins=calls,
        state_dir=state_dir,
        resume_within=general.resume_within,
        warnings=tuple(found.warnings),
        mapping_is_kept=kept,
        listening=listening,
        put_in=tuple(map(SecretStr, found.put_in_secretly)),
    )


def _listening(config: Node, environment: Environment, found: Findings) -> Listening:
    """Check what is about the service, for whoever wrote it; a sink is told how requests for a sync are heard."""
    written = {name for place in (config, environment.ours, environment.ocean) for name in place.fields}
    if not written & _SERVING:
        return Listening()
    from penstock.config.service import EventListener, ServiceDocument  # noqa: PLC0415 - most runs need neither

    if "service" in written:
        read_block("service", ServiceDocument, config, environment, found)
    if "event_listener" not in written:
        return Listening()
    say_what_a_listener_ignores(environment, EventListener, found)
    listener, place = read_block("event_listener", EventListener, config, environment, found)
    if listener is None:
        return Listening()
    if doubt := listener.doubt:
        found.warn(replace(place.fields["type"], path="eventListener.type"), doubt)
    return listener.listening


class Place(Struct, frozen=True):
    """Where the journal of a source is."""

    source: str
    state_dir: Path


def load_place(inputs: Inputs, plugins: PluginManager) -> Place:
    """Read only where the run journal is: enough to look into it. Neither secrets nor a sound mapping are needed.

    Raises:
        ConfigurationError: With every problem that concerns the journal's place.
    """
    found = Findings()
    environment = environment_of(inputs, found)
    config = read_blocks(inputs, _PLACE, environment, found)
    if config is None:
        raise found.error()
    general = _read_general(Sources(config, environment, (Document(config, strict=True),)), found)
    source = general.source if general else None
    if source is None:
        http = read_connection(config, environment, PluginSettings(plugins, found), found).http
        source = None if http is None else host(http.base_url)
    concerning = [one for one in found.problems if to_snake(one.where.rpartition(".")[2]) in _OF_PLACE]
    if concerning or source is None:
        found.problems[:] = concerning or found.problems
        raise found.error()
    return Place(source, _state_dir(general, inputs))


def load_calendar(inputs: Inputs, plugins: PluginManager) -> Calendar:
    """Read only when a source is to be synced.

    Raises:
        ConfigurationError: With every problem that concerns it.
    """
    from penstock.config.service import Calendar, EventListener  # noqa: PLC0415 - a run has no use for them

    place = load_place(inputs, plugins)
    found = Findings()
    environment = environment_of(inputs, found)
    config = read_blocks(inputs, _CALENDAR, environment, found)
    if config is None:
        raise found.error()
    general = _read_general(Sources(config, environment, (Document(config, strict=True),)), found)
    listener, _ = read_block("event_listener", EventListener, config, environment, found)
    if found.problems or not (general and listener):
        raise found.error()
    return Calendar(place.source, general.scheduled_resync_interval, listener)


def asks_for_one_sync(inputs: Inputs) -> bool:
    """Return whether there is to be a single sync, whatever is wrong with the rest of the settings."""
    from penstock.config.service import EventListener  # noqa: PLC0415 - as above

    found = Findings()
    environment = environment_of(inputs, found)
    config = read_blocks(inputs, _CALENDAR, environment, found)
    if config is None:
        return False
    _, place = read_block("event_listener", EventListener, config, environment, found)
    kind = place.fields.get("type", NOTHING).value
    return isinstance(kind, str) and kind.upper() == "ONCE"


def load_service(inputs: Inputs) -> ServiceDocument:
    """Read only how a service is reached. The file may be absent.

    Raises:
        ConfigurationError: With every problem that concerns it.
    """
    from penstock.config.service import ServiceDocument  # noqa: PLC0415 - as above

    found = Findings()
    environment = environment_of(inputs, found)
    config = read_blocks(inputs, _SERVICE, environment, found)
    service = read_block("service", ServiceDocument, config, environment, found)[0] if config else None
    if found.problems or service is None:
        raise found.error()
    return service


def load_sink(inputs: Inputs, plugins: PluginManager) -> Chosen[SinkStrategy[Any]]:
    """Read only where entities go: enough to look into a catalog. The file may be absent.

    Raises:
        ConfigurationError: With every problem that concerns the sink.
    """
    found = Findings()
    environment = environment_of(inputs, found)
    config = read_blocks(inputs, _SINK, environment, found)
    if config is None:
        raise found.error()
    chooser = PluginSettings(plugins, found)
    sink = read_sink(config, environment, chooser, found, name=inputs.sink, catalog=_text(inputs.catalog))
    if found.problems or sink is None:
        raise found.error()
    return sink.chosen


def load_access(inputs: Inputs, plugins: PluginManager) -> Access:
    """Read only how the source is reached and where grants are kept: enough to log in.

    Raises:
        ConfigurationError: With every problem that concerns these.
    """
    found = Findings()
    environment = environment_of(inputs, found)
    config = read_blocks(inputs, _ACCESS, environment, found)
    if config is None:
        raise found.error()
    read = read_connection(config, environment, PluginSettings(plugins, found), found)
    tokens = _read_tokens_alone(config, environment, inputs, found)
    if found.problems or not (read.connection and tokens):
        raise found.error()
    return Access(read.connection, tokens, tuple(found.warnings))


def load_tokens(inputs: Inputs) -> TokenStorage:
    """Read only where grants are kept: enough to look at them, and to forget them. The file may be absent.

    Raises:
        ConfigurationError: With every problem that concerns the store.
    """
    found = Findings()
    environment = environment_of(inputs, found)
    config = read_blocks(inputs, _TOKENS, environment, found)
    tokens = _read_tokens_alone(config, environment, inputs, found) if config else None
    if found.problems or tokens is None:
        raise found.error()
    return tokens


def _read_tokens_alone(config: Node, environment: Environment, inputs: Inputs, found: Findings) -> TokenStorage | None:
    general = _read_general(Sources(config, environment, (Document(config, strict=True),)), found)
    return read_tokens(config, environment, found, beside=_state_dir(general, inputs))


def _state_dir(general: GeneralDocument | None, inputs: Inputs) -> Path:
    chosen = general.state_dir if general else None
    return chosen or (inputs.config_file or Path()).parent / STATE_DIR


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _read_general(sources: Sources, found: Findings) -> GeneralDocument | None:
    """Read the settings that stand in no block."""
    layers = [_only(layer_of(sources.environment.ours, strict=False, path=""), GeneralDocument)]
    layers += [
        _only(layer_of(document.root, strict=False), GeneralDocument if document.strict else MappingFlags)
        for document in sources.documents
    ]
    scheduled = schedule_in(sources.environment, found)
    layers.insert(1, [] if scheduled is None else [Setting("scheduled_resync_interval", scheduled, strict=False)])
    for root in (sources.config, sources.environment.ocean):
        identifier = root.fields.get("integration", NOTHING).fields.get("identifier", NOTHING)
        if not identifier.blank and identifier is not NOTHING:
            layers.append([Setting("source", identifier, strict=False)])
    settings = merged(layers, found)
    return validate(GeneralDocument, part_for(GeneralDocument, settings, replace(sources.config, value={})), found)


def _only(layer: Layer, model: type[BaseModel]) -> list[Setting]:
    return [setting for setting in layer if setting.name in model.model_fields]
