"""What machines read of events is current, whole, and true of every type; sales at random are held to it elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from jsonschema import Draft202012Validator, ValidationError

from tests.events.described import DESCRIPTION, must_be_as_described, must_be_documented
from tests.events.test_documented_events import EXAMPLES, event_of
from travio_inventory.events.shapes import SHAPES, Shape
from travio_inventory.seats.events import EventType
from verification.pages.asyncapi import SCHEMAS, texts

DOCS = Path(__file__).parents[2] / "docs"


def test_the_files_are_current() -> None:
    """`make docs` writes them."""
    wanted = texts()
    assert {f"schemas/{path.name}" for path in SCHEMAS.iterdir()} | {"asyncapi.json"} == wanted.keys()
    for name, text in wanted.items():
        assert (DOCS / name).read_text() == text, name


def test_it_is_asyncapi_3_as_another_implementation_reads_it() -> None:
    read = ApplicationSchema.model_validate(DESCRIPTION)
    assert read.asyncapi == "3.0.0"
    assert set(read.channels) == set(Shape)


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DESCRIPTION))
    assert len(found) > len(EventType)
    for reference in found:
        at: Any = DESCRIPTION
        for name in reference.removeprefix("#/").split("/"):
            at = at[name]


def test_every_schema_is_a_schema() -> None:
    for schema in DESCRIPTION["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("kind", EventType)
def test_the_documented_event_of_each_type_is_as_described_in_every_shape(kind: EventType) -> None:
    event = event_of(EXAMPLES[kind])
    must_be_documented(event)
    alone = json.loads((SCHEMAS / f"{kind.value}.v1.json").read_text())
    Draft202012Validator(alone).validate(json.loads(event.data))


@pytest.mark.parametrize("change", [{"seats": "A1"}, {"prices": None}, {"first_segment": "0"}, {"colour": "red"}])
def test_an_event_that_is_otherwise_is_told(change: dict[str, object]) -> None:
    example = EXAMPLES["hold.created"]
    (message,) = SHAPES[Shape.NATIVE](event_of(example | {"data": example["data"] | change}))
    with pytest.raises((ValidationError, AssertionError)):
        must_be_as_described(Shape.NATIVE, message)
