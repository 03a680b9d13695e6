"""Requests on the wire: what we write is what the driver would, and what we know is what it reads."""

import struct

import pytest
from cassandra.protocol import BatchMessage, ExecuteMessage, ResultMessage
from cassandra.query import BatchType
from hypothesis import given
from hypothesis import strategies as st

from tests.store.cql_server import RESULT, VOID, string
from tests.store.driver_batches import values_of
from travio_inventory.store.scylla import codec
from travio_inventory.store.scylla.codec import ANSWER_BYTES_KNOWN, BATCH
from travio_inventory.store.scylla.connecting import ResultRows
from travio_inventory.store.scylla.levels import Levels
from travio_inventory.store.scylla.statements import Statement

LEVELS = st.sampled_from([Levels(6), Levels(4), Levels(6, 9), Levels(4, 8), Levels(9)])
VALUES = st.lists(st.none() | st.binary(max_size=20), max_size=5)


def packed(values: list[bytes | None]) -> bytes:
    """Values as they travel."""
    sized = [struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value for value in values]
    return struct.pack(">H", len(values)) + b"".join(sized)


def sized(id_: bytes) -> bytes:
    """The id of a statement as it travels."""
    return struct.pack(">H", len(id_)) + id_


def test_a_batch_is_framed_as_the_protocol_says() -> None:
    ids, values = [b"\x00\x02q1", b"\x00\x02q2"], [packed([b"a", None]), packed([])]
    assert codec.batch(ids, values, Levels(6, 9), is_logged=True) == (
        BATCH,
        b"\x00" + b"\x00\x02"
        + b"\x01\x00\x02q1\x00\x02" + b"\x00\x00\x00\x01a" + b"\xff\xff\xff\xff"
        + b"\x01\x00\x02q2\x00\x00"
        + b"\x00\x06\x10\x00\x09",
    )  # fmt: skip


@given(st.lists(st.tuples(st.binary(max_size=20), VALUES), max_size=5), LEVELS, st.booleans())
def test_a_batch_is_what_the_driver_would_send(
    statements: list[tuple[bytes, list[bytes | None]]], levels: Levels, is_logged: bool
) -> None:
    ours = codec.batch(
        [sized(id_) for id_, _ in statements],
        [packed(values) for _, values in statements],
        levels,
        is_logged=is_logged,
    )
    kind = BatchType.LOGGED if is_logged else BatchType.UNLOGGED
    assert ours == codec.encode(BatchMessage(kind, [(True, *statement) for statement in statements], *levels))


@given(st.binary(max_size=20), VALUES, LEVELS)
def test_a_statement_is_what_the_driver_would_send(id_: bytes, values: list[bytes | None], levels: Levels) -> None:
    assert codec.execute(sized(id_), packed(values), levels) == codec.encode(ExecuteMessage(id_, values, *levels))
    assert values_of(Statement("", packed(values))) == values


def answer(applied: bool, *others: str) -> bytes:
    """What a server says to a conditional batch, with other columns that are null."""
    columns = string("ks") + string("t") + string("[applied]") + struct.pack(">H", 4)
    columns += b"".join(string(name) + struct.pack(">H", 13) for name in others)
    row = struct.pack(">i", 1) + bytes([applied]) + struct.pack(">i", -1) * len(others)
    return struct.pack(">iii", 2, 1, 1 + len(others)) + columns + struct.pack(">i", 1) + row


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("others", [[], ["owner"], [f"column_{number}" for number in range(30)]])
def test_an_answer_is_read_alike_however_often_it_comes(applied: bool, others: list[str]) -> None:
    body = answer(applied, *others)
    for _ in range(3):
        assert codec.reply_of(codec.decode(0, RESULT, body)) == ResultRows(
            ["[applied]", *others], [(applied, *[None] * len(others))]
        )
        assert codec.reply_of(codec.decode(0, RESULT, VOID)) is None


def test_small_answers_are_known_and_large_ones_are_not() -> None:
    """An answer with flags has more than its body: a trace, a warning, or where the partition is."""
    small, large = answer(True), answer(True, "x" * ANSWER_BYTES_KNOWN)
    assert codec.decode(0, RESULT, small) is codec.decode(0, RESULT, bytes(bytearray(small)))
    assert codec.decode(0, RESULT, large) is not codec.decode(0, RESULT, large)
    payload = struct.pack(">H", 1) + string("p") + struct.pack(">i", 1) + b"v"
    told = codec.decode(0x04, RESULT, payload + small)
    assert isinstance(told, ResultMessage)
    assert told.custom_payload == {"p": b"v"}
    assert codec.decode(0, RESULT, small).custom_payload is None
