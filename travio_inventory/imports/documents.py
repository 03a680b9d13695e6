"""Reads tables of a TOML or JSON file field by field; an error names the file, the table, the field and the value.

New files are never written over old ones.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

from travio_inventory.kernel.json_members import members_once

FILE_BYTES_MAX = 1_000_000
PLAN_BYTES_MAX = 50_000_000
"""A plan of 100,000 seats with long ids and labels has less."""

_Value = TypeVar("_Value")
_NAMES = {
    str: "text",
    int: "a whole number",
    list: "a list",
    dict: "a table",
    datetime: "a date and time",
    bool: "true or false",
}


class WrongFile(ValueError):
    """A file that cannot be read; the message names the file, the table or line, and the field."""


def read_text(path: Path, bytes_max: int = FILE_BYTES_MAX) -> str:
    """The text of a UTF-8 file, without a byte order mark. Raises WrongFile."""
    try:
        if path.stat().st_size > bytes_max:
            raise WrongFile(f"{path}: more than {bytes_max} bytes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as failed:
        raise WrongFile(f"{path}: {failed.strerror or failed}") from None
    except UnicodeDecodeError as failed:
        raise WrongFile(f"{path}: not UTF-8 text: byte {failed.start + 1}: {failed.reason}") from None


def write_new(path: Path, text: str) -> None:
    """Write the text to a file that is not there yet. Raises WrongFile."""
    try:
        with path.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise WrongFile(f"{path}: is there already; name another file") from None
    except OSError as failed:
        raise WrongFile(f"{path}: {failed.strerror or failed}") from None


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The tables of the file `source`. Raises WrongFile."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as failed:
        raise WrongFile(f"{source}: not TOML: {failed}") from None


def parse_json(text: str, source: str) -> dict[str, Any]:
    """The object in the file `source`. Raises WrongFile."""
    try:
        found = json.loads(text, object_pairs_hook=members_once)
    except (ValueError, RecursionError) as failed:
        raise WrongFile(f"{source}: not JSON: {failed}") from None
    if not isinstance(found, dict):
        raise WrongFile(f"{source}: must be an object, not {_shown(found)}")
    return found


def _shown(value: object) -> str:
    """A value in an error, cut where it is long."""
    said = str(value) if isinstance(value, date | time) else repr(value)
    return said if len(said) <= 100 else f"{said[:97]}..."


@dataclass
class Table:
    """A table of the file with its name; its fields are taken one by one."""

    source: str
    name: str
    values: Mapping[str, Any]

    def __post_init__(self) -> None:
        self._left = dict(self.values)

    def wrong(self, field: str, said: str) -> WrongFile:
        """The error to raise: the file, the table, the field and what is wrong with it."""
        where = f"{self.name}.{field}" if self.name else field
        return WrongFile(f"{self.source}: {where}: {said}")

    def take(self, field: str, kind: type[_Value], *default: _Value) -> _Value:
        """The field's value, or the default. Raises WrongFile if it is missing or of another kind."""
        if field not in self._left:
            if default:
                return default[0]
            raise self.wrong(field, "is missing")
        value = self._left.pop(field)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(field, f"must be {_NAMES[kind]}, not {_shown(value)}")
        return value

    def take_any(self, field: str, default: object) -> object:
        """The field's value of any kind, or the default."""
        return self._left.pop(field, default)

    def has(self, field: str) -> bool:
        """Whether the field is there and not yet taken."""
        return field in self._left

    def table(self, field: str) -> "Table":
        """The table with that name."""
        return Table(self.source, self._below(field), self.take(field, dict))

    def tables(self, field: str) -> "list[Table]":
        """The tables with that name. Raises WrongFile if the list is missing."""
        rows = self.take(field, list)
        for at, values in enumerate(rows):
            if not isinstance(values, dict):
                raise self.wrong(f"{field}[{at}]", "must be a table")
        return [Table(self.source, self._below(f"{field}[{at}]"), values) for at, values in enumerate(rows)]

    def done(self) -> None:
        """Raises WrongFile for a field that nothing reads: it would be ignored silently."""
        for field in self._left:
            raise self.wrong(field, "no such field")

    def _below(self, field: str) -> str:
        return f"{self.name}.{field}" if self.name else field
