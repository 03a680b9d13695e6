"""The table of seat plans."""

from travio_inventory.protocol.batches import Kind
from travio_inventory.protocol.columns import ConditionalTable, RowKind, number, text

_UNTIL_DELETED = "until it is deleted, or another revision takes its place"

PLAN = RowKind(
    "a plan, in the partition without a plan's name",
    "the plan",
    "until it is deleted",
    (
        text("revision", "which parts are the plan"),
        number("parts", "the number of its parts"),
        number("seat_count", "the number of its seats"),
        number("stored_at_ms", "when that revision was stored"),
        text("previous", "the revision before it, until its parts are forgotten"),
        number("previous_parts", "the number of its parts"),
        text("status", "stored, or deleted while its parts are forgotten"),
    ),
)
PLAN_PART = RowKind(
    "up to 1,000 seats of a plan, at most 256 KiB",
    "revision and number of the part, joined by U+001F",
    f"{_UNTIL_DELETED}; a week while the plan is not whole",
    (
        text("definition", "the part as JSON, written as a trip"),
        number("parts", "the number of parts of its revision"),
        text("status", "waiting until the plan is whole, then kept; forgotten in the end"),
    ),
)
SEAT_PLANS = ConditionalTable(
    "Seat plans, for any number of trips. A trip that is opened with one has its seats from then on.",
    text("organization", "the organization that stores the plan"),
    text("plan", "the plan; empty for the list of all"),
    None,
    {Kind.PLAN: PLAN, Kind.PLAN_PART: PLAN_PART},
)
