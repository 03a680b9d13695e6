"""Sinks as an operator writes them: each has its own name, and errors are reported."""

import pytest

from travio_inventory.events.choice import SINKS_MAX, ChosenSink, parse_sinks


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("none", []),
        ("json-lines", [("json-lines", "events.jsonl")]),
        ("json-lines:/var/log/events.jsonl", [("json-lines", "/var/log/events.jsonl")]),
        ("audit=json-lines:a=b.jsonl", [("audit", "a=b.jsonl")]),
        (" json-lines , audit=json-lines:audit.jsonl ", [("json-lines", "events.jsonl"), ("audit", "audit.jsonl")]),
    ],
)
def test_a_sink_has_the_name_of_its_kind_unless_it_is_given_one(text: str, chosen: list[tuple[str, str]]) -> None:
    assert parse_sinks(text) == tuple(ChosenSink(*sink) for sink in chosen)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is wrong"),
        ("jsonlines", "is wrong"),
        ("json-lines:", "is wrong"),
        ("json-lines,none", "is wrong"),
        ("json-lines,", "is wrong"),
        ("json-lines,json-lines:other.jsonl", "two sinks of one name"),
        ("a=json-lines,b=json-lines", "two sinks of one file"),
        ("A=json-lines", "named 'A'"),
        ("=json-lines", "named ''"),
        ("a b=json-lines", "named 'a b'"),
        (f"{'a' * 33}=json-lines", "up to 32"),
        (",".join(f"s{n}=json-lines:{n}" for n in range(SINKS_MAX + 1)), "more than 8"),
    ],
)
def test_a_wrong_setting_is_reported(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        parse_sinks(text)
