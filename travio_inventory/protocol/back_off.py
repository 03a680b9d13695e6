"""Sets aside what fails, with back-off, so that a round goes on with the rest; logs it at most once a minute.

What fails because the store does not answer is not logged here (`store_waits`).
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.protocol.store_waits import StoreWaits

THINGS_MAX = 10_000
WAITS_MS = (250, 15_000)
"""The pause after the first failure of a thing, and the longest one; it doubles with each failure."""

K = TypeVar("K", bound=Hashable)

log = logging.getLogger(__name__)


class _Failed(NamedTuple):
    until_ms: int
    wait_ms: int


class BackOff(Generic[K]):
    """Remembers the THINGS_MAX things that failed last; one that is forgotten is only retried sooner."""

    def __init__(self, what: str, elapsed_ms: Callable[[], int], waits: StoreWaits) -> None:
        self._what = what
        self._waits = waits
        self._elapsed_ms = elapsed_ms
        self._failed: OrderedDict[K, _Failed] = OrderedDict()
        self._log_throttle = LogThrottle()

    def __bool__(self) -> bool:
        """Whether anything failed."""
        return bool(self._failed)

    def failed(self, thing: K, error: BaseException) -> None:
        """Note a failure: skip the thing for a while."""
        before = self._failed.pop(thing, None)
        wait_ms = WAITS_MS[0] if before is None else min(before.wait_ms * 2, WAITS_MS[1])
        self._failed[thing] = _Failed(self._elapsed_ms() + wait_ms, wait_ms)
        if len(self._failed) > THINGS_MAX:
            self._failed.popitem(last=False)
        named = _named(thing)
        if not self._waits.heard(f"{self._what}: {named}", error) and self._log_throttle.may_log(type(error).__name__):
            log.warning(
                "%s: %d set aside, retried within %d s, the others go on; %s: %s",
                self._what, len(self._failed), WAITS_MS[1] // 1_000, named, error_in_words(error),
            )  # fmt: skip

    def succeeded(self, thing: K) -> None:
        """Note a success."""
        self._failed.pop(thing, None)

    def has(self, thing: K) -> bool:
        """Whether its last attempt failed."""
        return thing in self._failed

    def is_waiting(self, thing: K) -> bool:
        """Whether to skip it now."""
        failed = self._failed.get(thing)
        return failed is not None and self._elapsed_ms() < failed.until_ms


def _named(thing: Hashable) -> str:
    """The thing for people: its parts, without what separates them in an index."""
    parts = thing if isinstance(thing, tuple) else (thing,)
    return "".join(one if one.isprintable() else " " for one in " ".join(str(part) for part in parts)).strip()
