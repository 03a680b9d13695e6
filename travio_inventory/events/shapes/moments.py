"""Moments as the shapes write them."""

from datetime import UTC, datetime


def moment(at_ms: int) -> str:
    """The moment as RFC 3339 has it, in UTC, with its milliseconds."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
