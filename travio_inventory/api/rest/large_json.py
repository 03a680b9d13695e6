"""Reads a large JSON text in turns, so that nobody waits for all of it. Each member is named once."""

import asyncio
import json
from collections.abc import Callable, Generator
from json.decoder import JSONDecodeError
from typing import Any, Final, cast

from travio_inventory.kernel.json_members import NamedTwice, members_once

AT_ONCE_CHARS: Final = 16_384
"""So much is read in much less than a millisecond."""
SMALL_ONES_CHARS: Final = 4
"""In lists of texts or numbers each is read by itself, and this part of AT_ONCE_CHARS takes as long."""
DEEP_MAX: Final = 16
"""A value of more than AT_ONCE_CHARS may lie in so many others: in none of our forms it lies in more than three."""
SPACE: Final = " \t\n\r"
LARGE: Final = ("[", "{")
"""How a value begins that may be large."""

_scan: Final[Callable[[str, int], tuple[Any, int]]] = cast(
    Any, json.JSONDecoder(object_pairs_hook=members_once)
).scan_once


async def read_in_turns(data: bytes, at_once: int = AT_ONCE_CHARS) -> Any:  # noqa: ANN401 - JSON
    """The value of the text; others have their turn after each part. Raises JSONDecodeError, NamedTwice, or another
    ValueError.
    """
    text = data.decode(json.detect_encoding(data), "surrogatepass")
    if text.startswith("\ufeff"):
        raise JSONDecodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", text, 0)
    reading = _value(text, _after_space(text, 0), at_once, DEEP_MAX)
    while True:
        try:
            next(reading)
        except StopIteration as read:
            value, end = read.value
            break
        await asyncio.sleep(0)
    if (rest := _after_space(text, end)) != len(text):
        raise JSONDecodeError("Extra data", text, rest)
    return value


Reading = Generator[None, None, tuple[Any, int]]
"""Yields where others may have their turn; returns a value and where it ends."""


def _value(text: str, at: int, at_once: int, deep: int) -> Reading:
    """The value that begins there."""
    yield
    kind = text[at : at + 1]
    if kind not in LARGE:
        return _small(text, at)
    try:
        value, end = _scan(text[at : at + at_once], 0)
    except (StopIteration, ValueError, RecursionError):  # it goes on, or is wrong
        if not deep:
            raise JSONDecodeError("A large value lies too deep", text, at) from None
        return (yield from (_list if kind == "[" else _members)(text, at + 1, at_once, deep - 1))
    return value, at + end


def _small(text: str, at: int) -> tuple[Any, int]:
    """The value that begins there, which has no members."""
    try:
        return _scan(text, at)
    except StopIteration as nothing:
        raise JSONDecodeError("Expecting value", text, nothing.value) from None


def _list(text: str, at: int, at_once: int, deep: int) -> Reading:
    values: list[Any] = []
    at = turn_at = _after_space(text, at)
    if text[at : at + 1] == "]":
        return values, at + 1
    while True:
        is_large = text[at : at + 1] in LARGE
        if is_large and (many := _many(text, at, at_once)) is not None:
            values += many[0]
            at = turn_at = many[1]
            yield
            continue
        value, at = (yield from _value(text, at, at_once, deep)) if is_large else _small(text, at)
        values.append(value)
        if (at - turn_at) * SMALL_ONES_CHARS > at_once:
            turn_at = at
            yield
        at = _after_space(text, at)
        if text[at : at + 1] == "]":
            return values, at + 1
        at = _after(text, at, ",")


def _many(text: str, at: int, at_once: int) -> tuple[list[Any], int] | None:
    """Values that begin there, and where the next one does; None if those that are whole are not found at once.

    What precedes a comma and is, in brackets, a list, is a part of this list: JSON is read from the left.
    """
    part = text[at : at + at_once]
    cut = part.rfind("},")
    if cut < 0:
        return None
    try:
        values = json.loads(f"[{part[: cut + 1]}]", object_pairs_hook=members_once)
    except (ValueError, RecursionError):
        return None
    return values, _after_space(text, at + cut + 2)


def _members(text: str, at: int, at_once: int, deep: int) -> Reading:
    members: dict[str, Any] = {}
    at = turn_at = _after_space(text, at)
    if text[at : at + 1] == "}":
        return members, at + 1
    while True:
        if text[at : at + 1] != '"':
            raise JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        name, at = _scan(text, at)
        if name in members:
            raise NamedTwice(name)
        at = _after(text, _after_space(text, at), ":")
        is_large = text[at : at + 1] in LARGE
        members[name], at = (yield from _value(text, at, at_once, deep)) if is_large else _small(text, at)
        if (at - turn_at) * SMALL_ONES_CHARS > at_once:
            turn_at = at
            yield
        at = _after_space(text, at)
        if text[at : at + 1] == "}":
            return members, at + 1
        at = _after(text, at, ",")


def _after(text: str, at: int, mark: str) -> int:
    """Where the next thing begins after a mark that must be there."""
    if text[at : at + 1] != mark:
        raise JSONDecodeError(f"Expecting '{mark}' delimiter", text, at)
    return _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    while text[at : at + 1] in SPACE and at < len(text):
        at += 1
    return at
