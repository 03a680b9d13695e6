"""Collects what is wrong with a request, field by field, so that one refusal names all of it."""

import re
from collections.abc import Iterable, Sequence, Sized
from types import TracebackType
from typing import Self

from travio_inventory.kernel.ids import fault_of, is_plain
from travio_inventory.kernel.limits import ID_BYTES_MAX
from travio_inventory.kernel.refusals import InvalidRequest, Violation

VIOLATIONS_MAX = 32
"""How many violations of one request are named."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Faults:
    """What is wrong so far. `path` is the part of the request that contains the fields.

    As a context manager it collects what is wrong with the value that its block creates; that value does not exist
    then, so use nothing before `finish`.
    """

    __slots__ = ("_found", "_path")

    def __init__(self, path: str = "", found: list[tuple[Violation, type[InvalidRequest]]] | None = None) -> None:
        self._path = path
        self._found = [] if found is None else found

    def at(self, path: str) -> "Faults":
        """The same collection, for nested fields."""
        return Faults(self._path + path, self._found)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, InvalidRequest):
            return False
        for field, said in error.violations:
            self.wrong(field, said, type(error))
        return True

    def finish(self) -> None:
        """Raise InvalidRequest if anything is wrong, or its subclass if all violations have the same one."""
        if self._found:
            kinds = {kind for _, kind in self._found}
            kind = kinds.pop() if len(kinds) == 1 else InvalidRequest
            raise kind([violation for violation, _ in self._found])

    def wrong(self, field: str, said: str, kind: type[InvalidRequest] = InvalidRequest) -> None:
        """Note that the field is wrong."""
        if len(self._found) < VIOLATIONS_MAX:
            self._found.append((Violation(self._path + field, said), kind))

    def id(self, field: str, value: str, *, required: bool = True) -> None:
        """It must be an id (`kernel.ids`), or "" if it is optional."""
        if not is_plain(value) and (value or required) and (fault := fault_of(value)):
            self.wrong(field, fault)

    def ids(self, field: str, values: Sequence[str]) -> None:
        """Each must be an id."""
        for index, value in enumerate(values):
            if not is_plain(value):
                self.id(f"{field}[{index}]", value)

    def ids_of(self, field: str, values: Iterable[str]) -> None:
        """Each in this map must be an id."""
        for value in values:
            if not is_plain(value):
                self.id(field, value)

    def text(self, field: str, value: str, bytes_max: int = ID_BYTES_MAX, *, required: bool = False) -> None:
        """It must be text for people: at most so many bytes of UTF-8, without control characters."""
        if not value:
            if required:
                self.wrong(field, "must not be empty")
        elif _CONTROL.search(value):
            self.wrong(field, "must not have control characters")
        elif len(value.encode()) > bytes_max:
            self.wrong(field, f"must have at most {bytes_max} bytes")

    def number(self, field: str, value: int, least: int, most: int) -> None:
        """It must be from `least` to `most`, both included."""
        if not least <= value <= most:
            self.wrong(field, f"must be {least} to {most}, not {value}")

    def count(
        self, field: str, items: Sized, least: int, most: int, kind: type[InvalidRequest] = InvalidRequest
    ) -> bool:
        """There must be `least` to `most` items, both included; False if there are too many to check each. Seats are
        called so, since a file has them in other fields.
        """
        if not least <= len(items) <= most:
            what = "seats" if field.endswith("seats") else "items"
            self.wrong(field, f"must have {least} to {most} {what}, not {len(items)}", kind)
        return len(items) <= most
