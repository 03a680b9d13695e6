"""Reads the fields of a decoded request one by one and collects all that is wrong with them."""

import re
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from travio_inventory.kernel.ids import fault_of, is_plain
from travio_inventory.kernel.limits import ID_BYTES_MAX
from travio_inventory.kernel.refusals import InvalidRequest, Violation

VIOLATIONS_MAX = 32
"""How many faults of one request are named."""
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class Fields:
    """The fields of one message. A field that is wrong is read as some value of its type, and remembered.

    `finish` raises for them all; nothing that was read may be used before.
    """

    __slots__ = ("_message", "_path", "violations")

    def __init__(self, message: Message, path: str = "", violations: list[Violation] | None = None) -> None:
        self._message: Any = message
        self._path = path
        self.violations: list[Violation] = [] if violations is None else violations

    def finish(self) -> None:
        """Raise InvalidRequest if anything was wrong."""
        if self.violations:
            raise InvalidRequest(self.violations)

    def wrong(self, name: str, said: str) -> None:
        """Remember that the field is wrong."""
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(Violation(self._path + name, said))

    def id(self, name: str) -> str:
        """An id that must be there, as `domain.ids` says what one is."""
        value: str = getattr(self._message, name)
        if not is_plain(value):
            self._judge_id(name, value)
        return value

    def optional_id(self, name: str) -> str:
        """An id, or "" where there is none."""
        value: str = getattr(self._message, name)
        if value and not is_plain(value):
            self._judge_id(name, value)
        return value

    def text(self, name: str, bytes_max: int = ID_BYTES_MAX, *, required: bool = False) -> str:
        """Text for people to read: so many bytes of UTF-8 at most, without control characters."""
        value: str = getattr(self._message, name)
        if required or value:
            self._judge(name, value, bytes_max, required=required)
        return value

    def ids(self, name: str) -> list[str]:
        """Ids, each as `id` has it."""
        values = list(getattr(self._message, name))
        for index, value in enumerate(values):
            if not is_plain(value):
                self._judge_id(f"{name}[{index}]", value)
        return values

    def number(self, name: str, least: int = INT32_MIN, most: int = INT32_MAX) -> int:
        """A number from `least` to `most`, both included."""
        value: int = getattr(self._message, name)
        if not least <= value <= most:
            self.wrong(name, f"must be {least} to {most}, not {value}")
        return value

    def optional_number(self, name: str, least: int, most: int) -> int | None:
        """The same, None where the caller did not say."""
        return self.number(name, least, most) if self._message.HasField(name) else None

    def flag(self, name: str) -> bool:
        """True or false."""
        value: bool = getattr(self._message, name)
        return value

    def count(self, name: str, least: int, most: int) -> int:
        """How many items the field has: from `least` to `most`, both included."""
        count = len(getattr(self._message, name))
        if not least <= count <= most:
            self.wrong(name, f"must have {least} to {most} items, not {count}")
        return count

    def part(self, name: str) -> "Fields":
        """The fields of the message in that field; all unset where there is none."""
        return Fields(getattr(self._message, name), f"{self._path}{name}.", self.violations)

    def parts(self, name: str, least: int, most: int) -> "Sequence[Fields]":
        """The fields of each message in that field; none where there are too many."""
        if self.count(name, least, most) > most:
            return ()
        return [
            Fields(item, f"{self._path}{name}[{index}].", self.violations)
            for index, item in enumerate(getattr(self._message, name))
        ]

    def _judge_id(self, name: str, value: str) -> None:
        if fault := fault_of(value):
            self.wrong(name, fault)

    def _judge(self, name: str, value: str, bytes_max: int, *, required: bool) -> None:
        """Remember what is wrong with the text, if anything is."""
        if not value:
            if required:
                self.wrong(name, "must not be empty")
        elif len(value.encode()) > bytes_max:
            self.wrong(name, f"must have at most {bytes_max} bytes")
        elif _CONTROL.search(value):
            self.wrong(name, "must not have control characters")
