"""Requests and answers about many changes of stock that come together."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field, SkipValidation

from travio_inventory.api.rest.json_text import written
from travio_inventory.api.rest.json_types import Int64
from travio_inventory.api.rest.large_forms import read_forms
from travio_inventory.api.rest.stock.models import StockBody, StockTold, Type
from travio_inventory.api.rest.stock.routing import in_camel_case
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.stock.bulk import LINES_MAX, LineOutcome, StockLine, counted

EXAMPLE: Final = [{"sku": "cup-blue", "warehouseCode": "north", "quantity": -2, "type": "DAMAGE", "reason": "fell"}]
AS_MUCH_AS: Final = 10
"""A line is written in the time that so much else takes."""


class LineRequest(StockBody):
    """A change of one entry, which `inventoryId` names, or `sku` and a warehouse: `quantity` more or fewer, only at
    `version` if it is not 0, or `quantityTotal` as counted at `version`.
    """

    inventory_id: str = ""
    sku: str = ""
    warehouse_id: str = ""
    warehouse_code: str = ""
    quantity: Int64 | None = None
    quantity_total: Int64 | None = None
    version: Int64 = 0
    type: Type = "ADJUSTMENT"
    reason: str = ""
    reference: str = ""

    def line(self) -> StockLine:
        return StockLine(
            self.inventory_id, self.sku, self.warehouse_id, self.warehouse_code, self.quantity, self.quantity_total,
            self.version, self.type, self.reason, self.reference,
        )  # fmt: skip


class BulkRequest(StockBody):
    """Changes, each of which is done or refused alone."""

    lines: Annotated[list[SkipValidation[LineRequest]], Field(max_length=LINES_MAX, examples=[EXAMPLE])]

    async def read(self) -> list[StockLine]:
        """Raises RequestValidationError."""
        return await read_forms(LineRequest, self.lines, LineRequest.line, "lines")


class LineResult(StockTold):
    """What came of a line, and the entry then; or why not."""

    line: int
    status: Literal["DONE", "WAITING", "REFUSED", "UNKNOWN", "NOT_DONE"]
    inventory_id: str | None
    quantity_total: int | None
    version: int | None
    movement_id: str | None
    approval_id: str | None
    reason: str
    detail: str


class BulkResult(StockTold):
    """The outcome of each line, in their order, and how many there are of each."""

    results: list[LineResult]
    done: int
    waiting: int
    refused: int
    unknown: int
    not_done: int


def bulk_written(outcomes: Sequence[LineOutcome]) -> bytes:
    """A `BulkResult` as JSON."""
    counts = counted(outcomes)
    results = [
        {
            "line": line,
            "status": each.state.value,
            "inventoryId": each.entry and each.entry.id,
            "quantityTotal": each.entry and each.entry.quantities.total,
            "version": each.entry and each.entry.version,
            "movementId": each.movement and each.movement.movement_id,
            "approvalId": each.waits and each.waits.id,
            "reason": each.reason,
            "detail": in_camel_case(each.detail) if each.reason == InvalidRequest.reason else each.detail,
        }
        for line, each in enumerate(outcomes, 1)
    ]
    done, waiting, refused, unknown, not_done = counts.values()
    told = {"done": done, "waiting": waiting, "refused": refused, "unknown": unknown, "notDone": not_done}
    return written({"results": results, **told})
