"""Writes docs/asyncapi.json and docs/schemas, events as machines read them: `python -m verification.pages.asyncapi`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, Final, TypeAlias, get_type_hints

from pydantic import TypeAdapter, create_model
from pydantic.json_schema import GenerateJsonSchema

from travio_inventory.events.shapes import Shape
from travio_inventory.events.shapes.cloudevents import SOURCE, SPEC_VERSION, cloud_type
from travio_inventory.events.shapes.equivalents import ShowtimesType, TripsType
from travio_inventory.events.shapes.showtimes import ShowtimeMessage
from travio_inventory.events.shapes.trips import TripMessage, TripPayload
from travio_inventory.events.targets.kafka import TOPICS
from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.trace_context import STATE_BYTES_MAX
from travio_inventory.seats.events import VERSION, Data, EventType
from travio_inventory.stock import event_data
from travio_inventory.stock import events as stock_events
from travio_inventory.stock.events import StockEvent
from verification.pages.architecture import ROOT

DOCUMENT = ROOT / "docs" / "asyncapi.json"
SCHEMAS = ROOT / "docs" / "schemas"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
REF: Final = "#/components/schemas/"
SAID: Final[Mapping[Shape, str]] = {
    Shape.NATIVE: "Every event, as its whole envelope.",
    Shape.CLOUDEVENTS: "Every event, as CloudEvents 1.0 in binary mode.",
    Shape.TRIPS: "Which seats of a trip are held, free again or booked.",
    Shape.SHOWTIMES: "What was done to seats of a showtime.",
    Shape.STOCK: "What happened to stock, flat: the data of each event beside what all have.",
}

Schema: TypeAlias = dict[str, Any]
TRACE: Final[Schema] = {
    "traceparent": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$"},
    "tracestate": {"type": "string", "maxLength": STATE_BYTES_MAX},
}
"""Of what was done in a trace."""


class _Untitled(GenerateJsonSchema):
    """Without a title for each field, which would only repeat its name."""

    def field_title_should_be_set(self, schema: object) -> bool:
        """Never."""
        return False


def _of_data(kind: type[Any]) -> Schema:
    """The schema of a type's data. Every field is always there; a later release may add some."""
    made = TypeAdapter(kind).json_schema(schema_generator=_Untitled)
    for one in made["properties"].values():
        one.pop("default", None)
    return {
        "title": made["title"],
        "description": " ".join(made["description"].split()),
        "type": "object",
        "properties": made["properties"],
        "required": [each.name for each in fields(kind)],
    }


def _of_message(kind: type[Any], **known: type[Any]) -> Schema:
    """The schema of a message of an older shape, with the schemas that it is made of inside it."""
    hints = get_type_hints(kind) | known
    found: dict[str, Any] = {
        name: (hint, ... if name in kind.__required_keys__ else None) for name, hint in hints.items()
    }
    model: Any = create_model(kind.__name__, __doc__=" ".join((kind.__doc__ or "").split()), **found)
    made: Schema = model.model_json_schema(schema_generator=_Untitled, ref_template=REF + kind.__name__ + "_{model}")
    for one in made["properties"].values():
        if isinstance(one, dict):
            one.pop("default", None)
    return made


def schemas() -> dict[str, Schema]:
    """The schema of each type's data, by type and version."""
    of_seats = {f"{kind.type.value}.v{VERSION}": _of_data(kind) for kind in Data.__args__}
    return of_seats | {_named(kind): _of_stock_data(data) for kind, data in event_data.DATA.items()}


def _named(kind: EventType | StockEvent) -> str:
    return f"{kind.value}.v{VERSION if isinstance(kind, EventType) else stock_events.VERSION}"


def _of_stock_data(kind: type[Any]) -> Schema:
    """The schema of the data of an event of stock, whole: the lines of a reservation inside it."""
    hints: dict[str, Any] = {name: (hint, ...) for name, hint in get_type_hints(event_data.LineTold).items()}
    line: Any = create_model(event_data.LineTold.__name__, **hints)
    made = _of_message(kind, **({"lines": list[line]} if "lines" in kind.__annotations__ else {}))
    for lines in made.pop("$defs", {}).values():
        made["properties"]["lines"]["items"] = lines
    return made


def _native(kind: EventType | StockEvent) -> Schema:
    text, number = {"type": "string"}, {"type": "integer", "minimum": 0}
    properties = {
        "id": text,
        "type": {"const": kind.value},
        "version": {"const": int(_named(kind).rpartition(".v")[2])},
        "at_ms": number,
        "actor": {"enum": [each.value for each in ActorKind]},
        "organization": text,
        "subject": text,
        "ordinal": number,
        "partition_key": text,
        "data": {"$ref": f"{REF}{_named(kind)}"},
    }
    return {"type": "object", "properties": {**properties, **TRACE}, "required": [*properties]}


def _attributes(kind: EventType | StockEvent) -> Schema:
    """The attributes of a CloudEvent, by the names that they have without a broker's prefix."""
    text = {"type": "string"}
    properties = {
        "specversion": {"const": SPEC_VERSION},
        "id": text,
        "source": {"type": "string", "pattern": f"^{SOURCE}"},
        "type": {"const": cloud_type(kind, VERSION)},
        "subject": text,
        "time": {"type": "string", "format": "date-time"},
        "partitionkey": text,
        "organization": text,
        "actor": {"enum": [each.value for each in ActorKind]},
        "ordinal": {"type": "string", "pattern": "^[0-9]+$"},
    }
    return {"type": "object", "properties": {**properties, **TRACE}, "required": [*properties]}


def _of_stock(kind: StockEvent) -> Schema:
    text = {"type": "string"}
    always: Schema = {"eventId": text, "type": {"const": kind.value}, "organizationId": text}
    envelope: Schema = {**always, "timestamp": {"type": "string", "format": "date-time"}}
    data = _of_stock_data(event_data.DATA[kind])
    return {
        "description": data["description"],
        "type": "object",
        "properties": envelope | data["properties"],
        "required": [*envelope, *data["required"]],
    }


def _older(kinds: type[StrEnum], message: type[Any], headers: Schema) -> Iterator[tuple[str, Schema]]:
    for kind in kinds:
        yield kind.value, {"headers": headers, "payload": {"$ref": f"{REF}{message.__name__}"}}


def _messages(shape: Shape) -> Iterator[tuple[str, Schema]]:
    """The messages of the shape, by name."""
    headers = {
        "type": "object",
        "properties": {"event_type": {"type": "string"}, "event_id": {"type": "string"}, **TRACE},
        "required": ["event_type", "event_id"],
    }
    match shape:
        case Shape.NATIVE:
            for kind in (*EventType, *StockEvent):
                yield kind.value, {"headers": headers, "payload": _native(kind)}
        case Shape.CLOUDEVENTS:
            for kind in (*EventType, *StockEvent):
                data = {"$ref": f"{REF}{_named(kind)}"}
                yield cloud_type(kind, VERSION), {"headers": _attributes(kind), "payload": data}
        case Shape.TRIPS:
            yield from _older(TripsType, TripMessage, headers)
        case Shape.SHOWTIMES:
            yield from _older(ShowtimesType, ShowtimeMessage, headers)
        case Shape.STOCK:
            for stock in StockEvent:
                yield stock.value, {"headers": headers, "payload": _of_stock(stock)}


def document() -> Schema:
    """The whole of it, as AsyncAPI 3 has it."""
    components: dict[str, Schema] = schemas()
    known: dict[str, Any] = {name: (hint, ...) for name, hint in get_type_hints(TripPayload).items()}
    payload: Any = create_model(TripPayload.__name__, **known)
    for name, made in (
        (TripMessage.__name__, _of_message(TripMessage, payload=payload)),
        (ShowtimeMessage.__name__, _of_message(ShowtimeMessage)),
    ):
        for inner, schema in made.pop("$defs", {}).items():
            components[f"{name}_{inner}"] = schema
        components[name] = made
    channels, operations = {}, {}
    for shape in Shape:
        messages = {
            name: {"name": name, "contentType": "application/json", **message} for name, message in _messages(shape)
        }
        channels[shape.value] = {"address": TOPICS[shape], "description": SAID[shape], "messages": messages}
        operations[f"publish_{shape.value}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{shape.value}"},
            "summary": SAID[shape],
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of travio_inventory",
            "version": str(VERSION),
            "description": "What docs/events.md says, for machines. An address is that of Kafka, unless an operator "
            "names another; the key of a message is its trip, or its stock keeping unit. "
            "Attributes of CloudEvents have the prefix of the "
            "broker's binding: ce_ on Kafka, cloudEvents: on AMQP, ce- elsewhere.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": components},
    }


def texts() -> dict[str, str]:
    """What each file is to say, by its path in docs."""
    alone = {
        f"schemas/{name}.json": {"$schema": DIALECT, "$id": f"{name}.json", **schema}
        for name, schema in schemas().items()
    }
    return {
        name: json.dumps(made, indent=2, ensure_ascii=False) + "\n"
        for name, made in {DOCUMENT.name: document(), **alone}.items()
    }


if __name__ == "__main__":
    SCHEMAS.mkdir(exist_ok=True)
    for old in SCHEMAS.glob("*.json"):
        old.unlink()
    for path, text in texts().items():
        (ROOT / "docs" / path).write_text(text)
