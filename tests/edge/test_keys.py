"""Names in Redis: every trip has its own, whatever signs its id has, and one slot for all of a block."""

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from tests.legal_ids import legal_ids
from travio_inventory.domain.trip import TripKey
from travio_inventory.edge.keys import map_key, word


@given(st.text())
def test_a_word_is_plain_and_says_what_it_was_made_of(text: str) -> None:
    made = word(text)
    assert not set(made) & set(" :{}")
    assert made.isascii()
    assert unquote(made, errors="surrogatepass") == text


@given(st.builds(TripKey, legal_ids, legal_ids), st.builds(TripKey, legal_ids, legal_ids))
def test_no_two_trips_share_a_key(one: TripKey, other: TripKey) -> None:
    assert (map_key(one) == map_key(other)) == (one == other)
