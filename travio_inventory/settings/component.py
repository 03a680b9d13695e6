"""What the settings of every component have in common: a frozen model whose fields name their variables."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self, cast, get_args, get_origin

from pydantic import AliasChoices, Field, FilePath, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from travio_inventory.settings.environment import PREFIX, name_used, names, variables
from travio_inventory.settings.words import shown

_DIGITS = re.compile("-?[0-9]+")


def setting(
    variable: str,
    default: object,
    description: str,
    *,
    ge: int | None = None,
    le: int | None = None,
    may_have_secrets: bool = False,
) -> Any:  # noqa: ANN401 - stands for a value of the field's own type, as pydantic's Field does
    """A field that the variable sets, named here without its prefix."""
    aliases, is_shown = AliasChoices(*names(variable.lower())), not may_have_secrets
    return Field(default=default, validation_alias=aliases, description=description, ge=ge, le=le, repr=is_shown)


class _Environment(EnvSettingsSource):
    """The environment without the variables that describe other services."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        ours = variables()
        self.env_vars = {name: value for name, value in self.env_vars.items() if name in ours}


class Component(BaseSettings):
    """The settings of one component. `load_settings` reads those of all, and names what is wrong in one line.

    A key names a setting across components: its variable without the prefix, in lower case.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        case_sensitive=True,
        env_ignore_empty=True,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
    )

    forms: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """The allowed values of a field, in words, where its type does not show them."""
    in_order: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Pairs of fields; the first may not be greater than the second."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Values given in code, then the environment; no files."""
        return init_settings, _Environment(settings_cls)

    @classmethod
    def keys(cls) -> Mapping[str, str]:
        """The key of each field."""
        return {field: _key(info) for field, info in cls.model_fields.items()}

    @classmethod
    def allowed(cls, field: str) -> str:
        """The allowed values of the field, in words."""
        return cls.forms.get(field) or _allowed(cls.model_fields[field])

    @field_validator("*", mode="before")
    @classmethod
    def _in_digits(cls, value: object, info: ValidationInfo) -> object:
        """A number is its digits: Python takes `1_0` and full-width ones for numbers too."""
        is_number = _is_whole(cls.model_fields[str(info.field_name)].annotation)
        said = value.strip() if is_number and isinstance(value, str) else ""
        if any(map(str.isdigit, said)) and not _DIGITS.fullmatch(said):
            raise ValueError("is wrong")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _says_something(cls, value: object, info: ValidationInfo) -> object:
        """A list without a member would be the same as no list, which may mean all: that is said by an empty value."""
        is_secret = cls.model_fields[str(info.field_name)].annotation is SecretStr
        if isinstance(value, str) and value and not is_secret and not value.replace(",", "").strip():
            raise ValueError("says nothing")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _can_be_a_file(cls, value: object, info: ValidationInfo) -> object:
        """Who puts what is in the file in place of its path is told so: for the system the path is too long."""
        if cls.model_fields[str(info.field_name)].annotation == FilePath | None and isinstance(value, str):
            try:
                Path(value).stat()
            except (OSError, ValueError):
                raise ValueError("is wrong") from None
        return value

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Checks that concern several fields."""
        if wrong := [*self._out_of_order(), *self.incomplete()]:
            raise ValueError("; ".join(wrong))
        return self

    def _out_of_order(self) -> Iterator[str]:
        for least, most in self.in_order:
            if getattr(self, least) > getattr(self, most):
                yield f"{self.said(least)} must be at most {self.said(most)}"

    def incomplete(self) -> Iterator[str]:
        """Fields that need another one, a line for each; a component overrides it."""
        yield from ()

    @property
    def in_effect(self) -> Mapping[str, str]:
        """By field what holds instead of its value, in words; a component overrides it."""
        return MappingProxyType({})

    def both_or_neither(self, one: str, other: str) -> Iterator[str]:
        """A line if only one of the fields is set."""
        if bool(getattr(self, one)) != bool(getattr(self, other)):
            yield f"{self.said(one)} and {self.said(other)}: set both or neither"

    def said(self, field: str) -> str:
        """The variable and the value of the field."""
        return f"{name_used(self.keys()[field])}={shown(getattr(self, field))}"


def _is_whole(kind: object) -> bool:
    """Whether values are whole numbers, or those among others."""
    return kind is int or any(int in (each, *get_args(each)[:1]) for each in get_args(kind))


def _key(info: FieldInfo) -> str:
    return str(cast(AliasChoices, info.validation_alias).choices[0]).removeprefix(PREFIX).lower()


def _allowed(info: FieldInfo) -> str:
    if get_origin(info.annotation) is Literal:
        return " or ".join(get_args(info.annotation))
    if info.annotation is bool:
        return "on or off"
    if info.annotation is int:
        least = next(bound.ge for bound in info.metadata if hasattr(bound, "ge"))
        most = next(bound.le for bound in info.metadata if hasattr(bound, "le"))
        return f"a whole number from {least} to {most}"
    if info.annotation in (str, SecretStr):
        return "any text"
    return "the path of an existing file" if info.annotation == FilePath | None else "a path"
