"""What docs/asyncapi.json says of a message, held against messages as they are published."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from travio_inventory.events.shapes import SHAPES, Shape
from travio_inventory.events.shapes.message import Message
from travio_inventory.kernel.events import Event

DESCRIPTION: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs" / "asyncapi.json").read_text())


@cache
def _validators(shape: Shape, kind: str) -> tuple[Draft202012Validator, Draft202012Validator, frozenset[str]]:
    """Of the headers and of the body of that type, and the fields that the body may have."""
    message = DESCRIPTION["channels"][shape.value]["messages"][kind]
    whole = {"components": DESCRIPTION["components"]}
    payload = message["payload"]
    named = DESCRIPTION["components"]["schemas"][payload["$ref"].rpartition("/")[2]] if "$ref" in payload else payload
    headers, body = (Draft202012Validator({**whole, **schema}) for schema in (message["headers"], payload))
    return headers, body, frozenset(named["properties"])


def must_be_as_described(shape: Shape, message: Message) -> None:
    """Raises ValidationError, KeyError for a type that is not described, AssertionError for a field that is not."""
    headers, body, fields = _validators(shape, message.type)
    headers.validate({**message.headers, **message.attributes})
    told = json.loads(message.body)
    body.validate(told)
    assert told.keys() <= fields, f"not described: {told.keys() - fields}"
    if shape is Shape.NATIVE:
        data = DESCRIPTION["components"]["schemas"][f"{message.type}.v1"]
        assert {*data["required"]} <= told["data"].keys() <= data["properties"].keys()


def must_be_documented(event: Event) -> None:
    """Its messages, in every shape, are as described."""
    for shape in Shape:
        for message in SHAPES[shape](event):
            must_be_as_described(shape, message)
