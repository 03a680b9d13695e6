"""JSON is what `json.dumps` makes of the same values, whatever this Python's encoder takes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.kernel.json_text import encode, encode_ascii

PLAIN = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner))


@given(VALUES)
def test_values_are_written_as_json_dumps_writes_them(value: object) -> None:
    assert encode(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert encode_ascii(value) == json.dumps(value, separators=(",", ":"))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        encode({"at": object()})
