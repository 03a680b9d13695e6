"""What this process did with purchase orders, in numbers: automatic ones, receipts, and the units that came."""

from collections import Counter

PLACED, FAILED = "placed", "failed"
"""What came of an automatic order that was due."""


class StockCounts:
    """The numbers of one process. A receipt is that of one line; a repetition counts once."""

    def __init__(self) -> None:
        self.automatic_orders: Counter[str] = Counter({PLACED: 0, FAILED: 0})
        self.receipts = 0
        self.units_received = 0

    def received(self, units: int) -> None:
        """So many units of a line came."""
        self.receipts += 1
        self.units_received += units

    def ordered(self, outcome: str) -> None:
        """An automatic order was due, and placed by this process, or failed."""
        self.automatic_orders[outcome] += 1
