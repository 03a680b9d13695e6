"""JSON as the HTTP faces write it: compact, in UTF-8, times as RFC 3339 has them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache


def written(value: object) -> bytes:
    """The value as JSON. Half a surrogate pair, which JSON may have and UTF-8 may not, stays an escape."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def members(values: Mapping[str, object]) -> bytes:
    """The members of an object without its brackets: there must be at least one."""
    return written(values)[1:-1]


@lru_cache(maxsize=1_024)
def moment(at_s: int) -> str | None:
    """That second of Unix time, None for 0: there is none."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at_s else None
