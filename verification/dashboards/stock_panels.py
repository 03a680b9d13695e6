"""What the dashboards show of stock: reservations, what is low or out, and purchase orders."""

from travio_inventory.telemetry import families as f
from verification.dashboards.asked import quantile, rate
from verification.dashboards.boards import Row, panel

STOCK = Row(
    "Stock",
    (
        panel(
            "Reservations",
            "reqps",
            "By what was told of them: reserved, committed, released (cancelled, or its time ran out), or failed.",
            (
                rate(f.RECORDED, ["type"], type="=~inventory[.](reserved|committed|released|reservation_failed)"),
                "{{type}}",
            ),
        ),
        panel(
            "Reservations, as callers were answered",
            "reqps",
            "INSUFFICIENT_STOCK: sold out. TravioStockSoldOut begins where that is most of them for half an hour.",
            (rate(f.USE_CASE, ["outcome"], use_case="=reserve_stock.reserve"), "{{outcome}}"),
        ),
        panel(
            "Low and out",
            "short",
            "How many entries came to their reorder point, or to nothing, a second. TravioStockRunsOut begins at 20 "
            "of nothing in an hour in which nothing came.",
            (rate(f.RECORDED, ["type"], type="=~inventory[.](low_stock|out_of_stock)"), "{{type}}"),
        ),
        panel(
            "Time of a reservation",
            "s",
            "From its call to its answer, by outcome: one of a hundred takes longer.",
            (quantile(0.99, f.USE_CASE, ["outcome"], use_case="=reserve_stock.reserve"), "{{outcome}}"),
        ),
    ),
)

PURCHASES = Row(
    "Purchase orders of stock",
    (
        panel(
            "Orders by themselves",
            "reqps",
            "Placed, or failed: that is tried again in the next round.",
            (rate(f.AUTOMATIC_ORDERS, ["outcome"]), "{{outcome}}"),
        ),
        panel(
            "Receipts",
            "reqps",
            "Receipts of lines, and the units that came with them.",
            (rate(f.STOCK_RECEIPTS), "receipts"),
            (rate(f.UNITS_RECEIVED), "units"),
        ),
    ),
)
