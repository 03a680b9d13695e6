"""JSON is what `json.dumps` makes of the same values, whatever this Python's encoder takes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.kernel.json_text import _encoder, encode, encode_ascii

PLAIN = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner))


@given(VALUES)
def test_values_are_written_as_json_dumps_writes_them(value: object) -> None:
    assert encode(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert encode_ascii(value) == json.dumps(value, separators=(",", ":"))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        encode({"at": object()})


def test_keys_keep_their_order_and_infinity_its_name() -> None:
    assert encode({"b": 1, "a": float("inf")}) == '{"b":1,"a":Infinity}'
    with pytest.raises(TypeError, match="keys must be"):
        encode({(1,): 2})


@pytest.mark.parametrize("is_ascii", [False, True])
def test_a_python_without_the_fast_encoder_writes_the_same(monkeypatch: pytest.MonkeyPatch, *, is_ascii: bool) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    value = {"b": ["\u00e4", 1.5, None], "a": True}
    assert _encoder(is_ascii=is_ascii)(value) == (encode_ascii if is_ascii else encode)(value)
