"""The outcome of batches without success: unknown only if one was not answered."""

from dataclasses import dataclass

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded, RetryableRefusal
from travio_inventory.protocol.batches import Outcome, Refused, Unknown


@dataclass(slots=True)
class FailedBatches:
    """Collects the outcomes of a call's batches that did not succeed."""

    may_land: bool = False
    was_refused: bool = False

    def add(self, outcome: Outcome) -> None:
        """Add the outcome of one more batch."""
        self.may_land = self.may_land or isinstance(outcome, Unknown)
        self.was_refused = self.was_refused or isinstance(outcome, Refused)

    @property
    def was_sent(self) -> bool:
        """Whether a server may have seen a batch."""
        return self.may_land or self.was_refused

    def refusal(self) -> RetryableRefusal:
        """The refusal for a call that gives up: nothing was done, if that is certain."""
        if self.may_land:
            return OutcomeUnknown()
        return Overloaded() if self.was_refused else BackendUnavailable()
