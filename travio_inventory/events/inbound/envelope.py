"""Reads an event from a message: CloudEvents 1.0, binary or structured, or plain JSON with an id and a type.

    CloudEvents, binary       attributes in headers (`ce_id` on Kafka, `cloudEvents:id` on AMQP), the body is the data
    CloudEvents, structured   one JSON object with `specversion`, the data in `data`
    plain                     one JSON object with `eventId` and `type`; the data in `data` or `payload`, or beside them

What a plain event does not say in its body, its headers may say: `event_id`, `event_type`.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NoReturn

from travio_inventory.events.inbound.message import Message, Unfit
from travio_inventory.kernel.ids import fault_of
from travio_inventory.kernel.incoming import Incoming
from travio_inventory.kernel.json_members import members_once
from travio_inventory.kernel.limits import ID_BYTES_MAX, TIME_S_MAX

BYTES_MAX = 256 * 1_024
"""Of a message."""
CLOUD_EVENTS = "1.0"
_PREFIXES = ("ce_", "ce-", "cloudevents:", "cloudevents_")
_IDS = ("eventId", "event_id", "id")
_TYPES = ("type", "eventType", "event_type")
_TIMES = ("time", "timestamp", "occurredAt", "occurred_at")
_DATA = ("data", "payload")
_ORGANIZATIONS = ("organizationId", "organization_id", "organization")
_ENVELOPE = frozenset({*_IDS, *_TYPES, *_TIMES, *_DATA, "source", "version", "specversion"})
_MS_FROM = 100_000_000_000
"""A number from here on is a time in milliseconds: in seconds it would be in the year 5138."""


FLOAT_MAX = sys.float_info.max
"""JSON may have whole numbers that no float holds."""


class Envelope:
    """What a message says before its data is looked at."""

    def __init__(self, message: Message) -> None:
        """Raises Unfit."""
        self._message = message
        if message.fault:
            raise Unfit("NOT_READABLE", message.fault)
        if len(message.body) > BYTES_MAX:
            raise Unfit("TOO_LARGE", f"the message has {len(message.body)} bytes; at most {BYTES_MAX}")
        headers = {header.name.lower(): header.value for header in message.headers}
        attributes = {
            name.removeprefix(prefix): _text(name, value)
            for name, value in headers.items()
            for prefix in _PREFIXES
            if name.startswith(prefix)
        }
        self._is_binary = "specversion" in attributes
        self._body = _object(message.body)
        self._said: Mapping[str, Any] = attributes if self._is_binary else self._body
        self._is_cloud_event = "specversion" in self._said
        self._headers = headers
        if self._is_cloud_event and self._said["specversion"] != CLOUD_EVENTS:
            raise Unfit("NOT_READABLE", f"specversion must be {CLOUD_EVENTS}, not {self._said['specversion']!r}")

    @property
    def type(self) -> str:
        """Raises Unfit."""
        return self._named("type", _TYPES, "event_type", "NO_TYPE")

    @property
    def id(self) -> str:
        """Raises Unfit."""
        return self._named("id", _IDS, "event_id", "NO_ID")

    def event(self) -> Incoming:
        """The event. Raises Unfit."""
        source = self._message.topic
        if self._is_cloud_event:
            source = self._said.get("source", "")
            if not isinstance(source, str) or not source or fault_of(source):
                raise Unfit("NOT_READABLE", f"source: must be a text of 1 to {ID_BYTES_MAX} bytes")
        data = self._data()
        return Incoming(
            source,
            self.id,
            self.type,
            self._at_ms(),
            _organization(self._said, data),
            data,
        )

    def _named(self, what: str, names: Iterable[str], header: str, missing: str) -> str:
        found = _first(self._said, names)
        if found is None and header in self._headers:
            found = _text(header, self._headers[header])
        if found is None:
            raise Unfit(missing, f"the event has no {what}")
        if not isinstance(found, str) or (fault := fault_of(found)):
            raise Unfit("NOT_READABLE", f"{what}: {'must be a text' if not isinstance(found, str) else fault}")
        return found

    def _data(self) -> Mapping[str, Any]:
        if self._is_binary:
            return self._body
        found = _first(self._body, _DATA)
        if found is None:
            if self._is_cloud_event:
                raise Unfit("NOT_READABLE", "data: must be there, as a JSON object")
            return {name: value for name, value in self._body.items() if name not in _ENVELOPE}
        if not isinstance(found, dict):
            raise Unfit("NOT_READABLE", "data: must be a JSON object")
        return found

    def _at_ms(self) -> int:
        said = _first(self._said, _TIMES)
        if said is None:
            if not self._message.at_ms:
                raise Unfit("NO_TIME", "neither the event nor the broker says when it happened: give it a `time`")
            return self._message.at_ms
        try:
            return moment_ms(said)
        except ValueError as wrong:
            raise Unfit("NOT_READABLE", f"time: {wrong}") from None


def moment_ms(said: object) -> int:
    """A moment in Unix milliseconds: RFC 3339, or a number of seconds or milliseconds. Raises ValueError."""
    if isinstance(said, str):
        at = datetime.fromisoformat(said)
        if at.tzinfo is None:
            raise ValueError("has no offset from UTC: end it with Z")
        ms = round(at.timestamp() * 1_000)
    elif isinstance(said, int | float) and not isinstance(said, bool) and abs(said) <= FLOAT_MAX:
        ms = round(said if abs(said) >= _MS_FROM else said * 1_000)
    else:
        raise ValueError("must be RFC 3339, or a number of seconds or milliseconds")
    if not 0 < ms <= TIME_S_MAX * 1_000:
        raise ValueError("must be after 1970 and before the year 10000")
    return ms


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object. Raises Unfit."""
    try:
        found = json.loads(body.decode(), parse_constant=_no_number, object_pairs_hook=members_once)
    except UnicodeDecodeError:
        raise Unfit("NOT_JSON", "the message is no UTF-8") from None
    except RecursionError:
        raise Unfit("NOT_JSON", "the JSON is nested too deeply") from None
    except ValueError as wrong:
        raise Unfit("NOT_JSON", f"the message is no JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise Unfit("NOT_READABLE", f"the message must be a JSON object, not {type(found).__name__}")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _text(name: str, value: bytes) -> str:
    """A header's text. Raises Unfit."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Unfit("NOT_READABLE", f"header {name}: must be UTF-8") from None


def _first(said: Mapping[str, Any], names: Iterable[str]) -> Any:  # noqa: ANN401 - whatever the JSON has there
    return next((said[name] for name in names if said.get(name) is not None), None)


def _organization(*said: Mapping[str, Any]) -> str:
    """What they say, "" where none does. Raises Unfit where they differ, or one is no text."""
    found = [each for part in said if (each := _first(part, _ORGANIZATIONS)) is not None]
    if any(not isinstance(each, str) for each in found):
        raise Unfit("NOT_READABLE", "organization_id: must be a text")
    if any(each and (fault := fault_of(each)) for each in found):
        raise Unfit("NOT_READABLE", f"organization_id: {fault}")
    if len({*found}) > 1:
        raise Unfit("NOT_READABLE", "organization_id: the envelope and the data name different ones")
    return str(found[0]) if found else ""
