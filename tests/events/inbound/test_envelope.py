"""What is read as an event, in each of its forms, and what is said of what is none."""

import json
from typing import Any

import pytest

from tests.events.inbound.arriving import TOPIC, message
from travio_inventory.events.inbound.envelope import BYTES_MAX, Envelope, moment_ms
from travio_inventory.events.inbound.message import Message, Unfit
from travio_inventory.kernel.incoming import Incoming
from travio_inventory.protocol.inbox import fingerprint_of

DATA = {"organization_id": "acme", "hold_id": "h", "order_id": "o"}
AT = "2027-01-15T08:00:00Z"
AT_MS = 1_800_000_000_000
BINARY = [("ce_specversion", "1.0"), ("ce_id", "e1"), ("ce_type", "t"), ("ce_source", "/shop"), ("ce_time", AT)]
STRUCTURED = {"specversion": "1.0", "id": "e1", "type": "t", "source": "/shop", "time": AT, "data": DATA}


@pytest.mark.parametrize(
    ("came", "source"),
    [
        (message(STRUCTURED), "/shop"),
        (message(DATA, headers=BINARY), "/shop"),
        (message(DATA, headers=[(name.replace("ce_", "cloudEvents:"), value) for name, value in BINARY]), "/shop"),
        (message({"eventId": "e1", "type": "t", "timestamp": AT} | DATA), TOPIC),
        (message({"id": "e1", "type": "t", "version": 1, "timestamp": AT_MS, "payload": DATA}), TOPIC),
        (
            message({"timestamp": AT_MS // 1_000, "data": DATA}, headers=[("event_id", "e1"), ("event_type", "t")]),
            TOPIC,
        ),
        (message({"event_id": "e1", "eventType": "t", "data": DATA}, at_ms=AT_MS), TOPIC),
    ],
)
def test_an_event_is_read_in_each_of_its_forms(came: Message, source: str) -> None:
    """And says the same in all of them."""
    event = Envelope(came).event()
    assert event == Incoming(source, "e1", "t", AT_MS, "acme", DATA)
    assert fingerprint_of(event) == fingerprint_of(Envelope(message(STRUCTURED)).event())


@pytest.mark.parametrize(
    ("came", "reason", "said"),
    [
        (message(b"\xff\xfe"), "NOT_JSON", "no UTF-8"),
        (message(b""), "NOT_JSON", "no JSON"),
        (message(b'{"a":NaN}'), "NOT_JSON", "NaN is no number"),
        (message(b'{"type":"t","type":"u"}'), "NOT_JSON", "names 'type' twice"),
        (message(b"[" * 200_000), "NOT_JSON", "nested too deeply"),
        (message(b'{"type":"t","n":' + b"9" * 5_000 + b"}"), "NOT_JSON", "no JSON"),
        (message(b"x" * (BYTES_MAX + 1)), "TOO_LARGE", f"has {BYTES_MAX + 1} bytes"),
        (message([1]), "NOT_READABLE", "must be a JSON object, not list"),
        (message({"id": "e1"}), "NO_TYPE", "has no type"),
        (message({"id": "e1", "type": 7}), "NOT_READABLE", "type: must be a text"),
        (message({"type": "t", "timestamp": AT}), "NO_ID", "has no id"),
        (message({"type": "t", "id": "a\x00b", "timestamp": AT}), "NOT_READABLE", "id: must not have control"),
        (message({"type": "t", "id": "e1", "data": DATA}), "NO_TIME", "give it a `time`"),
        (message({"type": "t", "id": "e1", "time": "yesterday"}), "NOT_READABLE", "time: "),
        (message({"type": "t", "id": "e1", "time": "2027-01-15T08:00:00"}), "NOT_READABLE", "no offset from UTC"),
        (message({"type": "t", "id": "e1", "time": True}), "NOT_READABLE", "time: must be RFC 3339"),
        (message({"type": "t", "id": "e1", "time": 10**30}), "NOT_READABLE", "before the year 10000"),
        (message({"type": "t", "id": "e1", "time": AT, "data": [1]}), "NOT_READABLE", "data: must be a JSON object"),
        (message(STRUCTURED | {"specversion": "0.3"}), "NOT_READABLE", "specversion must be 1.0"),
        (message(STRUCTURED | {"source": ""}), "NOT_READABLE", "source: "),
        (message(STRUCTURED | {"organization": "globex"}), "NOT_READABLE", "name different ones"),
        (message(STRUCTURED | {"organization": 7}), "NOT_READABLE", "organization_id: must be a text"),
    ],
)
def test_what_is_no_event_is_unfit_and_says_why(came: Message, reason: str, said: str) -> None:
    with pytest.raises(Unfit, match=said) as refused:
        Envelope(came).event()
    assert refused.value.reason == reason


@pytest.mark.parametrize("at", [AT, "2027-01-15T14:00:00+06:00", AT_MS, AT_MS // 1_000, float(AT_MS)])
def test_a_moment_is_read_in_each_of_its_forms(at: Any) -> None:  # noqa: ANN401 - what JSON has
    assert moment_ms(at) == AT_MS


def test_what_the_envelope_says_is_not_the_data() -> None:
    came = message({"eventId": "e1", "type": "t", "time": AT, "hold_id": "h", "organizationId": "acme"})
    assert json.loads(json.dumps(dict(Envelope(came).event().data))) == {"hold_id": "h", "organizationId": "acme"}
