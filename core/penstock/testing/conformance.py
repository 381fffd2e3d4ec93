"""What the kits of all families have in common: how settings are declared, and that a strategy holds no state."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any, ClassVar, Final, Optional, TypeAlias, cast

from pydantic import ValidationError
from pydantic.alias_generators import to_camel, to_snake

from penstock.plugins import Family, PluginManager, Strategy, checked, config_of
from penstock.redaction import secrets_in
from penstock.strategies import PluginConfig

Path: TypeAlias = tuple[str, ...]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_SECRET_NAME: Final = re.compile(r"(^|_)(token|secret|password|passwd|passphrase|credentials?|key)$")
_PLAIN: Final = frozenset(map(str, (str, str | None, Optional[str])))  # noqa: UP045 - people write either
_SHORTEST: Final = 4
"""Characters of a secret that nothing else shows by chance."""


def require(holds: object, message: str) -> None:
    """Fail the test with the message unless something holds.

    Raises:
        AssertionError: It does not.
    """
    __tracebackhide__ = True
    if not holds:
        raise AssertionError(message)


@cache
def installed() -> PluginManager:
    """Return the plugins that are installed: settings may name others among them."""
    return PluginManager(disabled=())


def leaves(settings: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Iterate over the values of settings, however deep, each with the names that lead to it."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from leaves(cast("Mapping[str, Any]", value), (*path, name))
        else:
            yield (*path, name), value


def replaced(settings: Mapping[str, Any], path: Path, value: object) -> dict[str, Any]:
    """Return the settings with another value in one place."""
    name, *rest = path
    return {**settings, name: replaced(settings[name], tuple(rest), value) if rest else value}


class PluginConformance:
    """What any plugin must do, whatever its family; the kits of the families build on it."""

    family: ClassVar[Family]
    strategy: ClassVar[Any]
    """The strategy to test: its class, or an instance."""
    config: ClassVar[Mapping[str, Any]] = {}
    """Settings that work, as a configuration writes them."""
    public: ClassVar[tuple[str, ...]] = ()
    """Settings whose name ends like that of a secret and that hold none."""

    def offered(self) -> Strategy:
        """Return the strategy, an instance."""
        given: Any = self.strategy
        return cast("Strategy", given() if isinstance(given, type) else given)

    def example(self) -> Mapping[str, Any]:
        """Return settings that work."""
        return self.config

    def validated(self, settings: Mapping[str, Any]) -> PluginConfig:
        """Return settings, checked as core checks them."""
        return config_of(self.offered()).model_validate(settings, context={"auth": installed().auth})

    @cached_property
    def secrets(self) -> list[str]:
        """What in the example settings must never show."""
        return [secret for secret in secrets_in(self.validated(self.example())) if len(secret) >= _SHORTEST]

    def test_the_strategy_is_one_that_core_can_call(self) -> None:
        """It is an instance of its family's base class, with a name, a Config and methods of the right signature."""
        strategy = self.offered()
        checked(strategy, self.family, strategy.name)
        require(
            _NAME.fullmatch(strategy.name),
            f"the name {strategy.name!r} is no word a configuration writes: lower case letters, digits and _",
        )
        require(
            type(strategy).__doc__, f"{type(strategy).__name__} needs a docstring: `penstock plugins show` prints it"
        )

    def test_every_setting_is_documented(self) -> None:
        """The Config has a docstring, and each of its fields a description."""
        config = config_of(self.offered())
        require(
            config.__dict__.get("__doc__"), f"{config.__name__} needs a docstring that says whose settings they are"
        )
        bare = [name for name, field in config.model_fields.items() if not field.description]
        require(not bare, f"{config.__name__}: no Field(description=...) at {', '.join(bare)}")

    def test_settings_may_be_written_in_camel_case_or_snake_case(self) -> None:
        """Both spellings give the same settings."""
        written = self.example()
        spelt = [{spell(name): value for name, value in written.items()} for spell in (to_camel, to_snake)]
        one, other = map(self.validated, spelt)
        same = one.model_dump_json() == other.model_dump_json() and [*secrets_in(one)] == [*secrets_in(other)]
        require(same, "settings in camelCase and snake_case differ: do not set aliases of your own")

    def test_a_setting_that_does_not_exist_is_refused(self) -> None:
        """The Config is closed: a misspelt setting must not be ignored."""
        name = "aSettingThatDoesNotExist"
        try:
            self.validated({**self.example(), name: 1})
        except ValidationError as error:
            require(name in str(error), f"the error does not name the setting {name}: {error}")
        else:
            require(None, f"the setting {name} was accepted; subclass PluginConfig and leave its model_config")

    def test_settings_cannot_be_changed(self) -> None:
        """The Config is frozen: one serves all requests of a connection."""
        config = config_of(self.offered())
        require(
            config.model_config.get("frozen"), f"{config.__name__} is not frozen; leave PluginConfig's model_config"
        )

    def test_secrets_are_declared_as_secrets(self) -> None:
        """A text setting that is called token, key, secret or password is a SecretStr."""
        fields = config_of(self.offered()).model_fields
        plain = [
            name
            for name, field in fields.items()
            if _SECRET_NAME.search(name) and str(field.annotation) in _PLAIN and name not in self.public
        ]
        require(not plain, f"{', '.join(plain)}: a plain str; use pydantic.SecretStr, or list it in `public`")

    def test_secrets_are_absent_from_what_settings_print(self) -> None:
        """Neither repr nor str nor JSON of the settings shows them."""
        config = self.validated(self.example())
        for how, text in (("repr", repr(config)), ("str", str(config)), ("JSON", config.model_dump_json())):
            self.show_no_secret(f"the {how} of the settings", text)

    def test_a_refusal_never_shows_a_secret(self) -> None:
        """Whatever else is wrong with a secret or beside it, the message does not repeat it."""
        settings = self.example()
        for path, value in self._secret_leaves(settings):
            for spoilt in (f"{value}\n", f"{value}\0", f"{value}\ud800", f" {value}", [value], {value: value}):
                self._refuse_in_silence(replaced(settings, path, spoilt))
        for name in settings:
            self._refuse_in_silence({**settings, name: object()})

    def show_no_secret(self, where: str, text: str, *more: str) -> None:
        """Fail if a text holds one of the secrets of the example settings, or one of those given."""
        shown = [secret for secret in (*self.secrets, *more) if secret in text]
        require(not shown, f"{where} shows a secret, {shown[:1]}: {text}")

    def _secret_leaves(self, settings: Mapping[str, Any]) -> list[tuple[Path, str]]:
        known = self.secrets
        return [(path, value) for path, value in leaves(settings) if isinstance(value, str) and value in known]

    def _refuse_in_silence(self, settings: Mapping[str, Any]) -> None:
        try:
            self.validated(settings)
        except ValidationError as error:
            self.show_no_secret("the refusal of a setting", f"{error} {error!r}")
