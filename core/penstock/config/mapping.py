"""A mapping document: its ``resources``, in every published form, as the stages get them (mapping.md 2 to 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from penstock.config import expressions, request_values
from penstock.config.connection import Paginations
from penstock.config.documents import PathParameterDocument, RequestDocument, ResourceDocument
from penstock.config.models import (
    Chosen,
    EntityMapping,
    HttpSettings,
    ItemsToParse,
    PathParameter,
    RequestSpec,
    Resource,
)
from penstock.config.node import NOTHING, Node, join
from penstock.config.problems import Findings
from penstock.config.spelling import with_one_spelling
from penstock.config.urls import leads_away, misspelt_templates, repeated_segment, template_names
from penstock.config.validation import validate
from penstock.errors import did_you_mean
from penstock.http.urls import is_absolute
from penstock.redaction import mask_url
from penstock.strategies import PaginationStrategy

LEGACY_KIND: Final = "api_resource"


def read_resources(
    node: Node, http: HttpSettings | None, paginations: Paginations, found: Findings, *, strict: bool
) -> tuple[Resource, ...]:
    """Return the resources of a list; those with a problem are left out.

    Args:
        node: The list.
        http: The connection's settings, if they are sound: endpoints are compared with the base URL.
        paginations: The connection's pagination and how to override it.
        found: Takes problems and warnings.
        strict: Whether unknown keys are problems; in a port-app-config they are warnings.
    """
    if not isinstance(node.value, list):
        found.problem(node, "expected a list of resources")
        return ()
    written = written_resources(node, found)
    reader = _Reader(http, paginations, found, strict=strict)
    resources = [reader.resource(index, child) for index, child in enumerate(written)]
    expressions.check(written, found)
    return _with_defaults_of_siblings([resource for resource in resources if resource is not None])


def written_resources(node: Node, found: Findings) -> list[Node]:
    """Return the entries of a list of resources in one spelling and in today's form."""
    entries = node.value if isinstance(node.value, list) else []
    return [_modern(with_one_spelling(child, found), found) for child in entries]


def _modern(resource: Node, found: Findings) -> Node:
    """Return a resource of the legacy form, everything inside ``selector.query``, in today's form."""
    kind, selector = resource.fields.get("kind", NOTHING), resource.fields.get("selector", NOTHING)
    query = selector.fields.get("query", NOTHING)
    if kind.value != LEGACY_KIND:
        return resource
    if not isinstance(query.value, dict) or not query.fields:
        if "endpoint" not in selector.fields:
            found.problem(kind, f"the kind {LEGACY_KIND} needs a mapping in selector.query with an endpoint")
        return resource
    endpoint = query.fields.get("endpoint")
    if endpoint is None:
        found.problem(query, "is required", path=join(query.path, "endpoint"))
    rest = {key: child for key, child in selector.fields.items() if key != "query"}
    return replace(
        resource,
        value={
            **resource.fields,
            "kind": endpoint or kind,
            "selector": replace(selector, value={**rest, **query.fields}),
        },
    )


class _Reader:
    """Turns one written resource after the other into what the stages get."""

    def __init__(self, http: HttpSettings | None, paginations: Paginations, found: Findings, *, strict: bool) -> None:
        self._http = http
        self._paginations = paginations
        self._found = found
        self._strict = strict

    def resource(self, index: int, node: Node) -> Resource | None:
        """Return the resource; None after a problem that leaves nothing to build."""
        self._check_endpoints(node)
        document = validate(ResourceDocument, node, self._found, strict=self._strict, json_text=False)
        if document is None:
            return None
        selector, written = document.selector, node.fields.get("selector", NOTHING)
        endpoint = document.kind if selector.endpoint is None else selector.endpoint
        parameters = list(self._parameters(endpoint, selector.path_parameters or {}, written))
        request = self._request(endpoint, selector, written)
        if request is None:
            return None
        return Resource(
            index=index,
            kind=self._label(document.kind, node),
            request=request,
            path_parameters=tuple(parameters),
            query=selector.query,
            data_path=selector.data_path,
            items_to_parse=_items_to_parse(document),
            entities=_entities(document.port.entity.mappings),
            incremental=selector.incremental,
        )

    def _label(self, kind: str, node: Node) -> str:
        """Return the kind as reports may show it."""
        label = mask_url(kind)
        if label != kind:
            message = f"may hold a secret and is shown as {label}; selector.query_params is the place for it"
            self._found.warn(node.fields["kind"], message)
        return label

    def _request(self, endpoint: str, document: RequestDocument, node: Node) -> RequestSpec | None:
        pagination = self._pagination(node)
        query_params = request_values.query_params(node.fields.get("query_params", NOTHING), self._found)
        body = request_values.body(node.fields.get("body", NOTHING), self._found)
        if pagination is None:
            return None
        headers, fail_when = document.headers or {}, document.fail_when
        return RequestSpec(endpoint, document.method, query_params, headers, body, pagination, fail_when)

    def _pagination(self, node: Node) -> Chosen[PaginationStrategy[Any]] | None:
        block = node.fields.get("pagination")
        return self._paginations.default if block is None else self._paginations.override(block, strict=self._strict)

    def _parameters(
        self, endpoint: str, documents: Mapping[str, PathParameterDocument], selector: Node
    ) -> Iterator[PathParameter]:
        """Give the parameters in the order of the endpoint; what is missing has been reported."""
        nodes = selector.fields.get("path_parameters", NOTHING).fields
        for name in template_names(endpoint):
            document = documents.get(name)
            request = None if document is None else self._request(document.endpoint, document, nodes[name])
            if document is not None and request is not None:
                yield PathParameter(name, request, document.data_path, document.field, document.filter)

    def _check_endpoints(self, resource: Node) -> None:
        """Check the endpoint, its parameters and theirs, whatever else is wrong with the resource."""
        selector = resource.fields.get("selector", NOTHING).fields
        place = selector.get("endpoint", resource.fields.get("kind", NOTHING))
        if not isinstance(place.value, str):
            return
        self._check_endpoint(place, place.value)
        names, parameters = template_names(place.value), selector.get("path_parameters", NOTHING).fields
        misspelt = misspelt_templates(place.value)
        unused = [name for name in parameters if name not in names and f"{{{name}}}" not in misspelt]
        for name in unused:
            self._found.warn(parameters[name], f"the endpoint {place.value} has no {{{name}}}")
        for position, name in enumerate(names):
            if name in parameters:
                self._check_discovery(parameters[name], names[:position], place.value)
            else:
                message = f"nothing says where the values of {{{name}}} come from{did_you_mean(name, unused)}"
                path = join(join(resource.path, "selector.path_parameters"), name)
                self._found.problem(place, message, path=path)

    def _check_discovery(self, parameter: Node, earlier: Sequence[str], whole: str) -> None:
        place = parameter.fields.get("endpoint", NOTHING)
        if not isinstance(place.value, str):
            return
        self._check_endpoint(place, place.value)
        for name in template_names(place.value):
            if name not in earlier:
                self._found.problem(place, f"{{{name}}} does not stand further left in the endpoint {whole}")

    def _check_endpoint(self, place: Node, endpoint: str) -> None:
        for written in misspelt_templates(endpoint):
            message = f"{written} is no {{parameter}}: names are letters, digits and underscore, each in its own braces"
            self._found.problem(place, message)
        if not endpoint.strip():
            self._found.problem(place, "the endpoint is empty; / is the base URL itself")
        elif self._http is None:
            return
        elif is_absolute(endpoint):
            self._check_origin(place, endpoint, self._http)
        elif segment := repeated_segment(self._http.base_url, endpoint):
            message = f"baseUrl ends with /{segment} already; the request goes to .../{segment}/{segment}"
            self._found.warn(place, message)

    def _check_origin(self, place: Node, endpoint: str, http: HttpSettings) -> None:
        try:
            away = leads_away(endpoint, http.base_url, http.allowed_origins)
        except ValueError as error:
            self._found.problem(place, f"the endpoint {error}")
            return
        if away:
            message = "the endpoint leads to another origin than baseUrl; connection.allowedOrigins can trust it"
            self._found.problem(place, message)


def _items_to_parse(document: ResourceDocument) -> ItemsToParse | None:
    port = document.port
    if port.items_to_parse is None:
        return None
    return ItemsToParse(port.items_to_parse, port.items_to_parse_name, port.items_to_parse_top_level_transform)


def _entities(mappings: EntityMapping | tuple[EntityMapping, ...]) -> tuple[EntityMapping, ...]:
    return mappings if isinstance(mappings, tuple) else (mappings,)


def _with_defaults_of_siblings(resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """Read a discovery endpoint as the resource of the same endpoint does, unless told otherwise (mapping.md 3.4)."""
    data_paths: dict[str, str] = {}
    fail_whens: dict[str, str] = {}
    for resource in resources:
        endpoint = _name_of(resource.request)
        if resource.data_path is not None:
            data_paths.setdefault(endpoint, resource.data_path)
        if resource.request.fail_when is not None:
            fail_whens.setdefault(endpoint, resource.request.fail_when)

    def completed(parameter: PathParameter) -> PathParameter:
        request, endpoint = parameter.request, _name_of(parameter.request)
        return replace(
            parameter,
            data_path=parameter.data_path or data_paths.get(endpoint),
            request=replace(request, fail_when=request.fail_when or fail_whens.get(endpoint)),
        )

    return tuple(
        replace(resource, path_parameters=tuple(map(completed, resource.path_parameters))) for resource in resources
    )


def _name_of(request: RequestSpec) -> str:
    return request.endpoint.strip("/")
