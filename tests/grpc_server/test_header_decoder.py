"""Header blocks are read as the library hpack reads them, or refused as senseless."""

import pytest
from h2.errors import ErrorCodes
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.grpc_server.lean import huffman
from travio_inventory.grpc_server.lean.frame_format import ConnectionFault
from travio_inventory.grpc_server.lean.header_decoder import TABLE_BYTES_MAX, Field, HeaderDecoder

NAMES = st.sampled_from(["x-name", "x-other", ":path", "grpc-timeout", "authorization", "x-" + "long" * 40])
VALUES = st.text(st.characters(max_codepoint=255), max_size=60) | st.sampled_from(["", "POST", "same", "v" * 1_500])
LISTS = st.lists(st.tuples(NAMES, VALUES, st.booleans()), max_size=8)


def by_hpack(decoder: Decoder, block: bytes) -> list[Field] | None:
    """What hpack reads, None if it refuses."""
    try:
        fields = decoder.decode(block, raw=True)
    except Exception:  # noqa: BLE001 - it has several
        return None
    return [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in fields]


def by_us(decoder: HeaderDecoder, block: bytes) -> list[Field] | None:
    try:
        return decoder.decode(block)
    except ConnectionFault:
        return None


@given(st.lists(LISTS, max_size=6), st.booleans(), st.sampled_from([TABLE_BYTES_MAX, 2_000, 64, 0]))
def test_blocks_are_read_as_they_were_written(
    lists: list[list[tuple[str, str, bool]]], packed: bool, size: int
) -> None:
    """Of which some fields enter the table, some never do, and some go from it."""
    encoder, decoder = Encoder(), HeaderDecoder()
    encoder.header_table_size = size
    for fields in lists:
        written = [(name.encode("latin-1"), value.encode("latin-1"), secret) for name, value, secret in fields]
        block = encoder.encode(written, huffman=packed)
        assert decoder.decode(block) == [(name, value) for name, value, _ in fields]


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_any_bytes_are_read_or_refused_as_by_hpack(blocks: list[bytes]) -> None:
    theirs, ours = Decoder(), HeaderDecoder()
    for block in blocks:
        expected, read = by_hpack(theirs, block), by_us(ours, block)
        assert read == expected
        if read is None:
            return


@given(st.binary(max_size=60))
def test_a_text_in_huffman_codes_is_what_was_packed(text: bytes) -> None:
    block = Encoder().encode([(b"x", text, True)], huffman=True)
    assert HeaderDecoder().decode(block) == [("x", text.decode("latin-1"))]


@pytest.mark.parametrize(
    ("what", "block"),
    [
        ("index 0", b"\x80"),
        ("an index beyond the table", b"\xff\x80\x01"),
        ("a name beyond the table", b"\x7f\x10\x01x"),
        ("a number without end", b"\xff" + b"\x80" * 8 + b"\x01"),
        ("a number that is cut off", b"\xff\x80"),
        ("a text that is cut off", b"\x00\x05ab"),
        ("a table larger than ours", b"\x3f\xe2\x1f"),
        ("a table's size after a field", b"\x82\x20"),
        ("the code for the end of text", b"\x00\x01x\x84\xff\xff\xff\xff"),
        ("padding of eight bits", b"\x00\x01x\x82\x1f\xff"),
        ("padding of zeros", b"\x00\x01x\x81\x18"),
    ],
)
def test_a_block_that_makes_no_sense_is_refused(what: str, block: bytes) -> None:
    with pytest.raises(ConnectionFault) as refused:
        HeaderDecoder().decode(block)
    assert refused.value.code is ErrorCodes.COMPRESSION_ERROR, what


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"X-Name", b"x"), (b"", b"x"), (b"x name", b"x"), (b"x\x80", b"x"), (b"x:y", b"x"), (b"x\x7f", b"x"),
        (b"x", b"a\r\nb"), (b"x", b"a\0"), (b"x", b" a"), (b"x", b"a\t"),
    ],
)  # fmt: skip
def test_characters_that_no_field_may_have_are_noticed_however_they_come(name: bytes, value: bytes) -> None:
    """The field enters the table; what refers to it later has them too, what does not has not."""
    encoder, decoder = Encoder(), HeaderDecoder()
    for block in (encoder.encode([(name, value)]), encoder.encode([(name, value)])):
        assert decoder.is_malformed(decoder.decode(block))
    assert not decoder.is_malformed(decoder.decode(encoder.encode([(b"x-good", b"\xc3\xbc !~")])))


def test_a_bad_name_is_noticed_where_only_its_value_is_written_again() -> None:
    decoder = HeaderDecoder()
    decoder.decode(b"\x40\x06X-Name\x01a")
    fields = decoder.decode(b"\x0f\x2f\x01b")
    assert fields == [("X-Name", "b")]
    assert decoder.is_malformed(fields)


def test_of_fields_that_none_may_have_only_those_in_the_table_are_kept() -> None:
    encoder, decoder = Encoder(), HeaderDecoder()
    for number in range(1_000):
        fields = decoder.decode(encoder.encode([(b"X-Name", b"%d" % number, number % 2 == 0)]))
        assert decoder.is_malformed(fields)
    assert decoder._bad == set(decoder._table)
    for number in range(200):
        decoder.decode(encoder.encode([(b"x-good", b"%d" % number)]))
    assert not decoder._bad


def test_the_steps_of_the_huffman_code_are_limited() -> None:
    for byte in range(256):
        try:
            huffman.decode(bytes((byte,)) * 3)
        except ValueError:
            continue
    assert len(huffman._ROWS) <= 256
    assert {len(row) for row in huffman._ROWS.values()} == {256 + 2}
