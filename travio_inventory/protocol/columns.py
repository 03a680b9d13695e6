"""How a table of conditional batches is declared: its columns, and the kinds of rows in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from travio_inventory.protocol.batches import Kind


class Type(StrEnum):
    """What a column holds, as CQL names it."""

    TEXT = "text"
    INT = "int"
    BIGINT = "bigint"


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its meaning. It may be null, except in a key."""

    name: str
    type: Type
    meaning: str


@dataclass(frozen=True, slots=True)
class RowKind:
    """A kind of row: what it is, what its id is, how long it is kept, and the columns that it may have. One that
    `is_written_once` is never written again with other values, so what a write of it lacks need not be cleared.
    """

    meaning: str
    id: str
    kept: str
    columns: Sequence[Column]
    is_written_once: bool = False


@dataclass(frozen=True, slots=True)
class ConditionalTable:
    """A table that nothing but conditional batches writes to. `organization`, `name` and `number` are those of the
    partition, and None if the table has no such column.
    """

    meaning: str
    organization: Column | None
    name: Column
    number: Column | None
    kinds: Mapping[Kind, RowKind]
    segment: Column | None = None

    @property
    def partition(self) -> Sequence[Column]:
        """The columns of the partition's name."""
        return [column for column in (self.organization, self.name, self.number) if column is not None]

    @property
    def columns(self) -> Mapping[str, Type]:
        """The columns beside the key, those of all kinds."""
        return {column.name: column.type for kind in self.kinds.values() for column in kind.columns}


def text(name: str, meaning: str) -> Column:
    """A column of text."""
    return Column(name, Type.TEXT, meaning)


def number(name: str, meaning: str) -> Column:
    """A column of numbers, or of moments."""
    return Column(name, Type.BIGINT, meaning)
