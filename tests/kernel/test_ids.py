"""What an id may be, with an error text for every fault; ids joined in one text are split again unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.kernel.ids import fault_of, is_plain, join_ids, split_ids
from travio_inventory.kernel.limits import ID_BYTES_MAX
from verification.kit.legal_ids import AWKWARD, legal_ids

LARGEST = "x" * 128
EMPTY = "must not be empty"
UNSEEN = "must not have control characters or other invisible ones"
TOO_LONG = "must have at most 128 bytes"
SPACE = "must not begin or end with white space"
DECOMPOSED = "must be in Unicode's composed form (NFC): another spelling of the same name would be another id"


@pytest.mark.parametrize("text", [*AWKWARD, LARGEST, "a", "é" * 64, "a b", "\u200ca\u200d"])
def test_an_id_without_a_fault_has_none(text: str) -> None:
    assert fault_of(text) == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", EMPTY),
        ("a\nb", UNSEEN),
        ("é\0", UNSEEN),
        ("\u202e", UNSEEN),
        ("\ud800", UNSEEN),
        ("a\u2028b", UNSEEN),
        ("a\u2029b", UNSEEN),
        ("\u200c\u202e", UNSEEN),
        (LARGEST + "x", TOO_LONG),
        ("é" * 64 + "e", TOO_LONG),
        (" a", SPACE),
        ("a ", SPACE),
        ("\u00a0é", SPACE),
        ("e\u0301", DECOMPOSED),
        ("\u2126", DECOMPOSED),
    ],
)
def test_each_fault_is_named(text: str, fault: str) -> None:
    assert fault_of(text) == fault


@pytest.mark.parametrize("text", ["", " a", "a ", "a b", LARGEST + "x", "a\tb", "a\n", "é", "\x7f"])
def test_an_id_that_needs_a_full_check_is_not_plain(text: str) -> None:
    assert not is_plain(text)


@pytest.mark.parametrize("text", ["a", LARGEST, "!~%,"])
def test_visible_ascii_is_plain(text: str) -> None:
    assert is_plain(text)


def test_ids_are_joined_by_commas() -> None:
    assert join_ids(["a,,b", "c%%d", "e"]) == "a%2C%2Cb,c%25%25d,e"
    assert split_ids("a%2C%2Cb,c%25%25d,e") == ["a,,b", "c%%d", "e"]
    assert split_ids("") == []


@given(st.lists(legal_ids))
def test_joined_ids_are_split_again_unchanged(ids: list[str]) -> None:
    assert split_ids(join_ids(ids)) == ids


def test_an_id_of_the_most_bytes_is_looked_at_sign_by_sign() -> None:
    assert fault_of(" " + "x" * (ID_BYTES_MAX - 1)) == "must not begin or end with white space"
    assert fault_of(" " + "x" * ID_BYTES_MAX) == f"must have at most {ID_BYTES_MAX} bytes"
