"""JSON is what `json.dumps` makes of the same values, whatever this Python's encoder takes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.kernel.json_text import _encoder, encode, encode_ascii

PLAIN = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner))
SAMPLE = {"b": ["\u00e4", 1.5, None, float("inf")], "a": {"c": True}}


@given(VALUES)
def test_values_are_written_as_json_dumps_writes_them(value: object) -> None:
    assert encode(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert encode_ascii(value) == json.dumps(value, separators=(",", ":"))


@pytest.mark.once
@pytest.mark.parametrize("is_ascii", [False, True])
@pytest.mark.parametrize("is_fast", [True, False])
def test_an_encoder_writes_the_same_with_this_pythons_fast_one_and_without(
    monkeypatch: pytest.MonkeyPatch, *, is_ascii: bool, is_fast: bool
) -> None:
    if not is_fast:
        monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    written = _encoder(is_ascii=is_ascii)
    assert written(SAMPLE) == json.dumps(SAMPLE, ensure_ascii=is_ascii, separators=(",", ":"))
    assert written({"b": 1, "a": float("inf")}) == '{"b":1,"a":Infinity}', "keys keep their order"
    assert written([0] * 150_000) == json.dumps([0] * 150_000, separators=(",", ":")), "it comes in several parts"
    with pytest.raises(TypeError, match="not JSON serializable"):
        written({"at": object()})
    with pytest.raises(TypeError, match="keys must be"):
        written({(1,): 2})


@pytest.mark.parametrize("is_fast", [True, False])
def test_a_value_that_contains_itself_is_not_looked_for(monkeypatch: pytest.MonkeyPatch, *, is_fast: bool) -> None:
    if not is_fast:
        monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        _encoder(is_ascii=False)(endless)


def test_the_encoder_is_set_up_once_and_not_for_each_text(monkeypatch: pytest.MonkeyPatch) -> None:
    fast, setups = vars(json.encoder)["c_make_encoder"], list[object]()

    def noted(*asked: object) -> object:
        setups.append(asked)
        return fast(*asked)

    monkeypatch.setattr(json.encoder, "c_make_encoder", noted)
    written = _encoder(is_ascii=False)
    assert [written(1), written([2])] == ["1", "[2]"]
    assert len(setups) == 1
