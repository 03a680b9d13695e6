"""What may be said of batches that did not do it: unknown only where one was not answered."""

from dataclasses import dataclass

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded, RetryableRefusal
from travio_inventory.protocol.batches import Outcome, Refused, Unknown


@dataclass(slots=True)
class Doubts:
    """Hears the outcome of every batch of a call that did not do what the call is for."""

    may_land: bool = False
    was_refused: bool = False

    def hear(self, outcome: Outcome) -> None:
        """One more batch, and what became of it."""
        self.may_land = self.may_land or isinstance(outcome, Unknown)
        self.was_refused = self.was_refused or isinstance(outcome, Refused)

    @property
    def was_sent(self) -> bool:
        """Whether a server has seen a batch."""
        return self.may_land or self.was_refused

    def refusal(self) -> RetryableRefusal:
        """What the caller is told who gives up: that nothing was done where that is certain."""
        if self.may_land:
            return OutcomeUnknown()
        return Overloaded() if self.was_refused else BackendUnavailable()
