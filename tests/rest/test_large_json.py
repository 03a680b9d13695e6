"""A large text is read in turns, and what is read is what json reads."""

import asyncio
import json
from json.decoder import JSONDecodeError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from travio_inventory.api.rest.large_json import read_in_turns
from travio_inventory.kernel.json_members import NamedTwice, members_once

VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(max_size=12),
    lambda inner: some.lists(inner, max_size=6) | some.dictionaries(some.text(max_size=4), inner, max_size=6),
    max_leaves=40,
)


def _read(data: bytes, at_once: int) -> object:
    """All turns at once."""
    reading = read_in_turns(data, at_once)
    while True:
        try:
            reading.send(None)
        except StopIteration as read:
            return read.value


def _outcome(read: object, data: bytes) -> object:
    try:
        return read(data)  # type: ignore[operator]
    except (JSONDecodeError, NamedTwice):
        return "wrong"
    except ValueError as wrong:
        return type(wrong)


def _loads(data: bytes) -> object:
    return json.loads(data, object_pairs_hook=members_once)


@given(VALUES, some.integers(1, 60), some.sampled_from([None, 1]))
@settings(max_examples=40, deadline=None)
def test_every_value_is_read_as_json_reads_it(value: object, at_once: int, indent: int | None) -> None:
    data = json.dumps(value, indent=indent).encode()
    assert _read(data, at_once) == json.loads(data)


@given(VALUES, some.integers(1, 40), some.data())
@settings(max_examples=40, deadline=None)
def test_what_is_no_json_is_refused_where_json_refuses_it(value: object, at_once: int, drawn: some.DataObject) -> None:
    text = json.dumps(value)
    at = drawn.draw(some.integers(0, len(text)))
    wrong = text[:at] + drawn.draw(some.sampled_from(["", "x", ",", "]", "}", '"', ":", "}, "])) + text[at + 1 :]
    data = wrong.encode()
    assert _outcome(lambda each: _read(each, at_once), data) == _outcome(_loads, data)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '[{"b":[{}],"a":1,"b":2}]',
        "[1,]",
        '{"a":1,}',
        "{} {}",
        "[",
        "",
        "  ",
        '{"a" 1}',
        "nul",
        "[NaN,1e999]",
        '["\\ud800"]',
        '["}, {"]',
    ],
)
def test_texts_at_the_edge(text: str) -> None:
    data = text.encode()
    assert repr(_outcome(lambda each: _read(each, 2), data)) == repr(_outcome(_loads, data))


async def test_others_have_their_turn_while_a_large_text_is_read() -> None:
    seats = [{"seat_id": f"seat-{number}", "row": number} for number in range(5_000)]
    data = json.dumps({"trip_id": "T", "seat_config": {"seats": seats}}).encode()
    reading, turns = asyncio.ensure_future(read_in_turns(data)), 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert await reading == json.loads(data)
    assert turns > len(data) / 16_384


@pytest.mark.parametrize("value", [[f"seat-{at}" for at in range(9_000)], {f"seat-{at}": at for at in range(9_000)}])
async def test_many_small_values_are_read_in_turns_but_not_in_a_turn_each(value: object) -> None:
    data = json.dumps(value).encode()
    reading, turns = asyncio.ensure_future(read_in_turns(data)), 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert await reading == value
    assert len(data) / 16_384 < turns < 100


@pytest.mark.parametrize("text", ["[" * 50_000, '{"a":' * 50_000])
def test_what_lies_too_deep_is_refused(text: str) -> None:
    with pytest.raises(JSONDecodeError, match="too deep"):
        _read(text.encode(), 100)
