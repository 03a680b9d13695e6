"""The document of events has an example of each type, and each is what the service says."""

import json
import re
from pathlib import Path

import pytest

from travio_inventory.events.shapes.native import line_of
from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Event
from travio_inventory.seats.events import EventType, data_of, data_text
from travio_inventory.seats.hold import base_id, parse_hold_id

DOCUMENT = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
EXAMPLES = {
    found["type"]: found for found in map(json.loads, re.findall(r"```json\n(.*?)```", DOCUMENT, flags=re.DOTALL))
}


def event_of(example: dict[str, object]) -> Event:
    """The example as an envelope. Raises TypeError where it lacks a field, or has one too many."""
    event = Event(**(example | {"data": json.dumps(example["data"])}))  # type: ignore[arg-type]  # the test's point
    return Event(**{name: getattr(event, name) for name in Event.__slots__} | {"actor": ActorKind(event.actor)})


def test_every_type_has_one_example_under_its_name() -> None:
    assert list(EXAMPLES) == re.findall(r"^### (\S+)$", DOCUMENT, flags=re.MULTILINE)
    assert EXAMPLES.keys() == set(EventType)


@pytest.mark.parametrize("kind", EventType)
def test_an_example_is_what_is_written(kind: EventType) -> None:
    """Its data is read whole, and written the same; its line has the fields in the same order."""
    example = EXAMPLES[kind]
    event = event_of(example)
    assert json.loads(data_text(data_of(event))) == example["data"]
    assert list(json.loads(data_text(data_of(event)))) == list(example["data"])
    assert list(json.loads(line_of(event)).items()) == list(example.items())


@pytest.mark.parametrize("kind", EventType)
def test_an_example_is_consistent(kind: EventType) -> None:
    example = EXAMPLES[kind]
    data = example["data"]
    assert example["id"] == f"{example['subject']}~{example['ordinal']}"
    told = next(
        data[name] for name in ("refund_id", "hold_id", "block_id", "cancellation_id", "swap_id") if name in data
    )
    assert base_id(told) == example["subject"]
    assert parse_hold_id(example["subject"]).name == data["trip"] == example["partition_key"]


def test_every_field_of_the_envelope_is_explained() -> None:
    envelope = DOCUMENT.partition("## The envelope")[2].partition("##")[0]
    assert re.findall(r"^\| `(\w+)`", envelope, flags=re.MULTILINE) == list(Event.__slots__)


def test_data_of_a_newer_version_or_type_is_not_read() -> None:
    for newer in ({"version": 2}, {"type": "hold.swapped"}):
        with pytest.raises(ValueError, match="is not known here"):
            data_of(event_of(EXAMPLES["hold.created"] | newer))


def test_a_newer_field_is_ignored() -> None:
    example = EXAMPLES["hold.released"]
    newer = event_of(example | {"data": example["data"] | {"colour": "red"}})
    assert data_of(newer) == data_of(event_of(example))
