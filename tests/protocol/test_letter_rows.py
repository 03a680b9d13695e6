"""A dead letter in its rows: all of it that is kept, read back as it was written."""

from dataclasses import replace

import pytest

from travio_inventory.protocol.batches import Row
from travio_inventory.protocol.dead_letter_rows import (
    HEADERS_BYTES_MAX,
    KEPT_BYTES_MAX,
    KEY_BYTES_MAX,
    SAID_CHARS_MAX,
    DeadLetter,
    LetterList,
    Status,
    StoredLetter,
    Way,
    cut,
    row_of,
    stored_letter,
    text64,
)

OF = LetterList(Way.IN, "shop")
BARE = DeadLetter(of=OF, reason="NOT_JSON", said="", at_ms=7, topic="", place="", body=b"{", size=9)
FULL = replace(
    BARE,
    said="no brace",
    topic="t",
    place="t/0@1",
    event="e1",
    key=b"\xff",
    headers=(("a", b"\xfe"), ("b", b"")),
    content_type="application/json",
    sent_at_ms=5,
    is_cut=True,
)
BARE_ROW: Row = {"status": "kept", "at_ms": 7, "reason": "NOT_JSON", "size": 9, "tries": 0}
FULL_ROW: Row = {
    **BARE_ROW,
    "said": "no brace",
    "topic": "t",
    "place": "t/0@1",
    "event": "e1",
    "message_key": "/w==",
    "headers": '[["a", "/g=="], ["b", ""]]',
    "content_type": "application/json",
    "sent_at_ms": 5,
    "cut": 1,
}
BOUNDED = replace(
    FULL,
    body=b"x" * KEPT_BYTES_MAX,
    key=b"k" * KEY_BYTES_MAX,
    headers=(("name", b"v"), ("rest", b"v" * (HEADERS_BYTES_MAX - 9))),
    said="s" * SAID_CHARS_MAX,
    is_cut=False,
)


@pytest.mark.parametrize(("letter", "row"), [(BARE, BARE_ROW), (FULL, FULL_ROW)])
def test_a_row_has_what_a_letter_says_and_no_column_for_what_it_does_not(letter: DeadLetter, row: Row) -> None:
    assert row_of(letter) == row
    assert stored_letter(OF, "id", row, letter.body) == StoredLetter("id", Status.KEPT, letter, 0, "", row)


def test_what_came_of_a_letter_is_read_with_it() -> None:
    row = {**FULL_ROW, "status": "over", "outcome": "booked", "tries": 3}
    assert stored_letter(OF, "id", row, b"") == StoredLetter(
        "id", Status.OVER, replace(FULL, body=b""), 3, "booked", row
    )


def test_an_empty_key_is_another_than_none() -> None:
    keyed = replace(BARE, key=b"")
    assert row_of(keyed) == {**BARE_ROW, "message_key": ""}
    assert stored_letter(OF, "id", row_of(keyed), b"{").letter.key == b""
    assert text64(None) == ""


@pytest.mark.parametrize("column", ["said", "topic", "place", "event", "content_type"])
def test_half_a_character_is_kept_as_a_question_mark(column: str) -> None:
    assert row_of(replace(BARE, **{column: "a\ud800b"})) == {**BARE_ROW, column: "a?b"}  # type: ignore[arg-type]  # by name


def test_a_letter_within_the_bounds_is_kept_whole() -> None:
    assert cut(BOUNDED) == BOUNDED
    assert cut(replace(BOUNDED, headers=list(BOUNDED.headers))) == BOUNDED
    assert cut(BARE) == BARE
    assert cut(FULL) == FULL, "what was cut before stays so"


def test_a_letter_beyond_one_bound_says_that_it_is_cut() -> None:
    long = replace(BOUNDED, is_cut=True)
    assert cut(replace(BOUNDED, body=BOUNDED.body + b"x")) == long
    assert cut(replace(BOUNDED, key=b"k" * (KEY_BYTES_MAX + 1))) == long
    assert cut(replace(BOUNDED, said=BOUNDED.said + "s")) == BOUNDED, "what is said of it is not of the message"


def test_headers_are_kept_from_the_first_for_as_long_as_there_is_room() -> None:
    """A later one that would fit again is left out too: what is kept is a beginning."""
    name, (rest, value) = BOUNDED.headers
    for more in (("ab", b""), ("a", b"b")):
        assert cut(replace(BOUNDED, headers=(name, more, (rest, value), ("", b"")))) == replace(
            BOUNDED, headers=(name, more), is_cut=True
        )


def test_so_many_bytes_of_a_body_are_kept() -> None:
    assert replace(BARE, size=KEPT_BYTES_MAX).kept_bytes == KEPT_BYTES_MAX
    assert replace(BARE, size=KEPT_BYTES_MAX + 1).kept_bytes == KEPT_BYTES_MAX
    assert replace(BARE, size=3).kept_bytes == 3
