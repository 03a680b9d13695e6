"""Reports of stock as CSV: of each region its stock, then what moved there."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from travio_inventory.kernel.formulas import no_formula
from travio_inventory.stock.reports import RegionReport

REPORT_COLUMNS: Final = (
    "region", "warehouses", "entries", "low", "available", "reserved", "total", "day", "type", "moved", "movements",
    "in transit",
)  # fmt: skip


def report_rows(reports: Iterable[RegionReport]) -> Sequence[Sequence[object]]:
    """Of each region its stock, then a row for each day and type that moved; no region is a formula."""
    found: list[Sequence[object]] = []
    for each in reports:
        stock = (each.warehouses, each.entries, each.low, each.available, each.reserved, each.total)
        region = no_formula(each.region)
        found.append((region, *stock, "", "", "", "", each.in_transit))
        found += [
            (region, "", "", "", "", "", "", day.isoformat(), kind.value, quantity, movements, "")
            for day, kind, quantity, movements in each.moved
        ]
    return found


def report_csv(reports: Iterable[RegionReport]) -> str:
    """The same as CSV (RFC 4180), with its columns' names in the first line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(REPORT_COLUMNS)
    writer.writerows(report_rows(reports))
    return text.getvalue()
