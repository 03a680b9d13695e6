"""What the data of events that come in may say; members in snake case or in camel case. Unknown ones are left out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from travio_inventory.kernel.checking import VIOLATIONS_MAX
from travio_inventory.kernel.limits import SEGMENTS_MAX
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.stock.reservation import ITEMS_MAX


def _either(name: str) -> AliasChoices:
    return AliasChoices(name, to_camel(name))


def _seconds(said: object) -> object:
    """A moment in Unix seconds from RFC 3339; anything else is checked as a number."""
    if not isinstance(said, str):
        return said
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise PydanticCustomError(
            "datetime_parsing", "must be Unix seconds or a time as 2027-06-05T08:30:00Z"
        ) from None
    if at.tzinfo is None:
        raise PydanticCustomError("timezone_aware", "has no offset from UTC: end it with Z")
    return int(at.timestamp())


Whole = Annotated[int, Field(strict=True)]
Seconds = Annotated[Whole, BeforeValidator(_seconds)]
"""A moment: Unix seconds, or RFC 3339."""


class Payload(BaseModel):
    """Data of an event."""

    model_config = ConfigDict(frozen=True, alias_generator=AliasGenerator(validation_alias=_either))


class TripSegment(Payload):
    """The ride between two neighbouring stops."""

    segment_index: Whole
    from_station_id: str
    to_station_id: str
    departure_time: Seconds | None = None
    arrival_time: Seconds | None = None


class TripPricing(Payload):
    """What seats cost on this trip, in minor units, where it is not what the plan says: of these classes, and of all
    others. Another member is refused: a price that nobody reads is a seat sold at a wrong one.
    """

    model_config = ConfigDict(extra="forbid")

    currency: str = ""
    price_minor: Whole | None = None
    class_prices: Mapping[str, Whole] = Field(default_factory=dict)


class TripCreated(Payload):
    """A trip that is to be sold: `trip.created`."""

    trip_id: str
    vehicle_id: str = ""
    segments: Annotated[tuple[TripSegment, ...], Field(min_length=1, max_length=SEGMENTS_MAX)]
    pricing: TripPricing | None = None


class PaymentMade(Payload):
    """A payment for a hold: `payment.successful`, `payment.failed`. The amount is in minor units."""

    hold_id: str
    order_id: str
    amount_minor: Whole | None = None
    currency: str = ""


class OrderedItem(Payload):
    """So many of a stock keeping unit, of that warehouse, or of any."""

    sku: str
    quantity: Whole
    warehouse_id: str = ""


class OrderPlaced(Payload):
    """An order of stock: `order.created`."""

    order_id: str
    items: Annotated[tuple[OrderedItem, ...], Field(min_length=1, max_length=ITEMS_MAX)]


class OrderTold(Payload):
    """What became of an order of stock: `payment.successful`, `payment.failed`, `order.cancelled`."""

    order_id: str


class ProductCreated(Payload):
    """A product that is to be kept: `product.created`."""

    product_id: str
    sku: str


P = TypeVar("P", bound=Payload)


def read(kind: type[P], data: Mapping[str, Any]) -> P:
    """The data as that kind. Raises InvalidRequest, which names what is wrong."""
    try:
        return kind.model_validate(data)
    except ValidationError as failed:
        found = [Violation(_field(each["loc"]), each["msg"]) for each in failed.errors()[:VIOLATIONS_MAX]]
        raise InvalidRequest(found) from None


def _field(place: tuple[int | str, ...]) -> str:
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f"{'.' if path else ''}{part}"
    return path
