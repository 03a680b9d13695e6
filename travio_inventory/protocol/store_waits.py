"""Which work of a process waits for the store: heard in one place, so that the log says it once for all of it."""

from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded
from travio_inventory.protocol.batches import StoreUnavailable


class StoreWaits:
    """What failed because the store did not answer, or was too busy to."""

    def __init__(self) -> None:
        self.lasts = False
        """Whether anything failed since it was last known that all goes on."""
        self._first = ""

    def heard(self, work: str, error: BaseException) -> bool:
        """Whether that is why the work failed; then nobody else logs it."""
        if not isinstance(error, StoreUnavailable | BackendUnavailable | OutcomeUnknown | Overloaded):
            return False
        self.lasts = True
        self._first = self._first or f"{work}: {error_in_words(error)}"
        return True

    def take(self) -> str:
        """The first of what failed since the last call, and why; "" if nothing did."""
        first, self._first = self._first, ""
        return first
