"""Secrets leave for variables: ``${NAME}`` stands where they were."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from penstock.config.interpolate import interpolate_headers
from penstock.config.node import Node, to_snake
from penstock.redaction import mask_base_url

_PLACEHOLDER: Final = re.compile(r"\$(\{[^{}]*\})")
_TRIVIAL: Final = re.compile(r"[A-Za-z]*\s*")
"""What may stand beside a placeholder without being a secret: the scheme of a header."""
_SHORTEST: Final = 8
_NO_NAME: Final = re.compile(r"[^A-Z0-9]+")
_TEMPLATE: Final = re.compile(r"\{\{[^{}]*\}\}")
_REQUEST_VALUES: Final = frozenset({"query_params", "headers", "body"})


class Vault(Struct):
    """The variables that hold what is not written."""

    variables: Mapping[str, str]
    """Those that are there already."""
    secrets: Collection[str]
    """What must not be written."""
    bound: dict[str, str] = field(default_factory=dict[str, str])
    """What each variable that was used holds."""
    origins: dict[str, str] = field(default_factory=dict[str, str])
    """Where the value of each is now."""

    def put(self, node: Node, wanted: str) -> Node:
        """Return the node that refers to a variable of this name, or of one like it if that holds something else."""
        text, name, number = node.as_text() or "", wanted, 1
        while (self.bound | dict(self.variables)).get(name, text) != text:
            number += 1
            name = f"{wanted}_{number}"
        self.bound[name] = text
        self.origins[name] = node.source
        return replace(node, value=f"${{{name}}}", text="")

    def holds_secret(self, text: str) -> bool:
        """Whether one of the secrets is in a text; words are not looked for within others."""
        return text in self.secrets or any(
            len(secret) >= _SHORTEST and not secret.isalpha() and secret in text for secret in self.secrets
        )

    def tree(self, node: Node, name: str) -> Node:
        """Return a setting of several values, each that is a secret in a variable of its own."""
        if isinstance(node.value, dict):
            members = {key: self.tree(child, variable(name, key)) for key, child in node.value.items()}
            return replace(node, value=members)
        if isinstance(node.value, list):
            items = [self.tree(child, variable(name, str(index))) for index, child in enumerate(node.value)]
            return replace(node, value=items)
        if isinstance(node.value, str) and self._is_secret_member(node.value, name):
            return self.put(node, name)
        return escaped(node)

    def _is_secret_member(self, text: str, name: str) -> bool:
        if name.endswith(("_CONTENT_TYPE", "_ACCEPT", "_GRANT_TYPE", "_ENDPOINT", "_METHOD")) and "?" not in text:
            return False
        if _TEMPLATE.search(text) and _TRIVIAL.fullmatch(_TEMPLATE.sub("", text)):
            return False
        return self.holds_secret(text)

    def headers(self, node: Node) -> Node:
        """Return ``customHeaders``; what is a variable there already stays one."""
        return replace(node, value={key: self._header(child, key) for key, child in node.fields.items()})

    def _header(self, node: Node, key: str) -> Node:
        text = node.as_text() or ""
        names = [match[1:-1] for match in _PLACEHOLDER.findall(text)]
        if names and _TRIVIAL.fullmatch(_PLACEHOLDER.sub("", text)):
            for name in names:
                if name in self.variables:
                    self.bound[name] = self.variables[name]
                    self.origins[name] = "a variable already"
            return node
        whole = interpolate_headers(replace(node, value={"": node}), self.variables).fields[""]
        return self.put(whole, variable("CUSTOM_HEADERS", key))


def variable(*parts: str) -> str:
    """Return the name of a variable made of these words."""
    return _NO_NAME.sub("_", "_".join(to_snake(part) for part in parts).upper()).strip("_")


def escaped(node: Node) -> Node:
    """Return the node with ``${NAME}`` as the text that it is."""
    if isinstance(node.value, dict):
        return replace(node, value={key: escaped(child) for key, child in node.value.items()})
    if isinstance(node.value, list):
        return replace(node, value=[escaped(child) for child in node.value])
    if isinstance(node.value, str):
        return replace(node, value=_PLACEHOLDER.sub(r"$$\1", node.value))
    return node


def carries_secret(url: str) -> bool:
    """Whether a base URL has something in it that messages mask."""
    return mask_base_url(url) != url


class Requests(Struct):
    """The resources of a mapping, on their way into our file."""

    vault: Vault
    unknown: Collection[str]
    """The paths of keys that are nothing."""
    is_text: bool
    """Whether ``${NAME}`` in it is text, as in a port-app-config."""
    exposed: list[Node] = field(default_factory=list[Node])
    """Secrets where no variable can stand."""

    def clean(self, node: Node, *, inside: bool = False) -> Node:
        """Return the tree without what is unknown, its secrets in variables."""
        if isinstance(node.value, dict):
            members = {
                key: self.clean(child, inside=inside or to_snake(key) in _REQUEST_VALUES)
                for key, child in node.value.items()
                if child.path not in self.unknown
            }
            return replace(node, value=members)
        if isinstance(node.value, list):
            return replace(node, value=[self.clean(child, inside=inside) for child in node.value])
        if not isinstance(node.value, str):
            return node
        if not inside:
            if self.vault.holds_secret(node.value):
                self.exposed.append(node)
            return node
        raw = not self.is_text and "${" in node.value
        if not raw and self.vault.holds_secret(node.value):
            return self.vault.put(node, variable(*re.findall(r"[\w-]+", node.path.rpartition("selector.")[2])))
        return escaped(node) if self.is_text else node
