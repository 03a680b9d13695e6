"""Commands that write stock as CSV, and make the changes of a CSV file line by line."""

import asyncio
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import Parameter

from travio_inventory.cli.connection_options import HERE, WHOLE_TRIP_S, ConnectionOptions, ask, fail
from travio_inventory.cli.exits import Exit, Failed, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.stock.entries import codes_of
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.stock import LineState, StockEntry, StockExists, StockLine, StockLineResult
from travio_inventory.kernel.formulas import no_formula
from travio_inventory.kernel.refusals import Refusal, RetryableRefusal

EXPORTED = (
    "sku", "warehouse", "product", "variant", "available", "reserved", "total", "reorder_point", "reorder_quantity",
    "version",
)  # fmt: skip
KNOWN = {*EXPORTED, "quantity", "type", "reason", "reference"}
LINES_AT_ONCE, ADDED_AT_ONCE = 500, 16
GUARD = "'"
LINES_MAX = 1_000_000
WHOLE = re.compile("[+-]?[0-9]{1,18}")
"""As many digits as an integer of 64 bits always has room for."""
SHOWN_MAX = 20
"""Lines that were not done are shown one by one, so many of them; with --json all are."""
SAID = {
    LineState.DONE: ("is done", "are done"),
    LineState.WAITING: ("waits for another person", "wait for another person"),
    LineState.REFUSED: ("was refused", "were refused"),
    LineState.UNKNOWN: ("may be done or not", "may be done or not"),
    LineState.NOT_DONE: ("was not done yet", "were not done yet"),
}


class FileLine(NamedTuple):
    """A line of a file: a change, and what to add first where there is no such entry."""

    number: int
    change: StockLine
    product: str = ""
    variant: str = ""
    reorder_point: int | None = None
    reorder_quantity: int | None = None


class WrongStockFile(Exception):
    """The file says what cannot be read."""


def export(
    file: Annotated[Path, Parameter(help="The file to write; - for standard output.", allow_leading_hyphen=True)],
    /,
    *,
    region: Annotated[str, Parameter(help="Only the warehouses of this region.")] = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Write the entries as CSV. With other totals, `stock import` sets them, where nothing was changed meanwhile."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        codes = codes_of(await client.stock.warehouses())
        found = await client.stock.entries(region=region, most=LINES_MAX)
        rows = [_exported(each, codes) for each in found]
        text = _written(rows)
        if str(file) == "-":
            screen.raw(text.removesuffix("\n"))
            return
        try:
            file.write_text(text, encoding="utf-8", newline="")
        except OSError as wrong:
            raise Failed(Failure(Exit.WRONG, "WRONG_FILE", f"{file}: {wrong.strerror}")) from None
        value = {"file": str(file), "entries": len(rows)}
        screen.answer(value, lambda: screen.say(f"{file} has {len(rows)} entries"))

    return ask(reach, work, deadline_s=WHOLE_TRIP_S)


def import_file(
    file: Annotated[Path, Parameter(help="A CSV file with the columns sku and warehouse.")],
    /,
    *,
    reason: Annotated[str, Parameter(help="Why, for lines that do not say it.")] = "import",
    key: Annotated[str, Parameter(help="Makes a repetition the same; else what the file says.")] = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Make the changes in a CSV file: `quantity` is how many more or fewer, `total` with `version` what was counted.

    A line with a `total`, a `product` and no `version` adds an entry. Each line is done or refused alone. Run again
    with the same file, it does what was not done, and nothing twice.
    """
    try:
        lines = read_lines(file, reason)
    except (WrongStockFile, OSError) as wrong:
        said = wrong.strerror if isinstance(wrong, OSError) else str(wrong)
        return fail(Screen(as_json=reach.as_json), Failure(Exit.WRONG, "WRONG_FILE", f"{file}: {said}"))

    async def work(client: InventoryClient, screen: Screen) -> None:
        named = key or blake2b(repr(lines).encode(), digest_size=16).hexdigest()
        await Importing(client, screen, named).do(lines)

    return ask(reach, work, deadline_s=WHOLE_TRIP_S, again="with the same file")


class Importing:
    """Makes the changes, so many at once, under a key."""

    def __init__(self, client: InventoryClient, screen: Screen, key: str) -> None:
        self._stock = client.stock
        self._screen = screen
        self._key = key
        self._counts: Counter[str] = Counter()
        self._told: list[Mapping[str, object]] = []

    async def do(self, lines: Sequence[FileLine]) -> None:
        """Raises Failed if a line was not done."""
        for start in range(0, len(lines), LINES_AT_ONCE):
            await self._some(lines[start : start + LINES_AT_ONCE], f"{self._key}-{start}")
            self._screen.over(f"{min(start + LINES_AT_ONCE, len(lines))} of {len(lines)} lines")
        self._screen.over("")
        left = {state.value: self._counts[state] for state in LineState}
        value = {
            "key": self._key,
            **{name.lower(): count for name, count in left.items()},
            "not_done_lines": self._told,
        }
        self._screen.answer(value, self._show)
        refused = self._counts[LineState.REFUSED]
        unsettled = self._counts[LineState.UNKNOWN] + self._counts[LineState.NOT_DONE]
        if unsettled:
            said = f"{unsettled} of {len(lines)} lines are not known to be done"
            again = "run the same command again with the same file"
            raise Failed(Failure(Exit.ASK_AGAIN, "LINES_NOT_DONE", said, again))
        if refused:
            raise Failed(Failure(Exit.NO, "LINES_REFUSED", f"{refused} of {len(lines)} lines were refused"))

    def _show(self) -> None:
        counts = [(self._counts[state], SAID[state]) for state in LineState if self._counts[state]]
        said = [f"{count} {'line' if count == 1 else 'lines'} {words[count != 1]}" for count, words in counts]
        self._screen.say("; ".join(said) + (":" if self._told else ""), "bold")
        if not self._told:
            return
        rows = [list(each.values()) for each in self._told[:SHOWN_MAX]]
        self._screen.table(("line", "sku", "warehouse", "status", "why"), rows)
        if len(self._told) > SHOWN_MAX:
            self._screen.say(f"and {len(self._told) - SHOWN_MAX} more: --json tells all of them")

    async def _some(self, lines: Sequence[FileLine], key: str) -> None:
        new, changes = [each for each in lines if each.product], [each for each in lines if not each.product]
        for start in range(0, len(new), ADDED_AT_ONCE):
            await asyncio.gather(*(self._add(line, key) for line in new[start : start + ADDED_AT_ONCE]))
        if changes:
            results = await self._changed([line.change for line in changes], key)
            for line, result in zip(changes, results, strict=True):
                self._count(line, result)

    async def _changed(self, changes: Sequence[StockLine], key: str) -> Sequence[StockLineResult]:
        """What came of each: those that a request had no time for go again, while that does any of them."""
        results = await self._stock.update_many(changes, key=key)
        left = _not_done(results)
        while left:
            results = await self._stock.update_many(changes, key=key)
            before, left = left, _not_done(results)
            if left >= before:
                break
        return results

    async def _add(self, line: FileLine, key: str) -> None:
        change = line.change
        state, said = LineState.DONE, ""
        try:
            await self._stock.add(
                change.sku,
                change.warehouse_code,
                line.product,
                variant=line.variant,
                quantity=change.total or 0,
                reorder_point=line.reorder_point,
                reorder_quantity=line.reorder_quantity,
                key=f"{key}-{line.number}",
            )
        except StockExists:
            state, said = LineState.REFUSED, "there is such an entry: say its version to set its total"
        except Refusal as refusal:
            if isinstance(refusal, RetryableRefusal):
                raise
            state, said = LineState.REFUSED, str(refusal)
        self._count(line, StockLineResult(state, "", 0, 0, "", "", said))

    def _count(self, line: FileLine, result: StockLineResult) -> None:
        self._counts[result.state] += 1
        if result.state is not LineState.DONE:
            change = line.change
            self._told.append(
                {
                    "line": line.number,
                    "sku": change.sku,
                    "warehouse": change.warehouse_code,
                    "status": result.state.value,
                    "why": f"waits as approval {result.approval}" if result.approval else result.detail,
                }
            )


def _not_done(results: Sequence[StockLineResult]) -> int:
    return sum(each.state is LineState.NOT_DONE for each in results)


def read_lines(file: Path, reason: str) -> list[FileLine]:
    """The lines of the file. Raises WrongStockFile, OSError."""
    text = _text(file)
    columns, _, _ = text.partition("\n")
    if "," not in columns and re.search("[;\t]", columns):
        raise WrongStockFile("line 1: the columns must be parted by commas")
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        _check(reader.fieldnames or ())
        lines = list(_lines(reader, reason))
    except csv.Error as wrong:
        raise WrongStockFile(f"line {reader.reader.line_num}: {wrong}") from None
    if not lines:
        raise WrongStockFile("has no lines")
    return lines


def _text(file: Path) -> str:
    """What it says. Raises WrongStockFile, OSError."""
    said = file.read_bytes()
    try:
        return said.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = said.count(b"\n", 0, wrong.start) + 1
        raise WrongStockFile(f"line {line}: is no text in UTF-8") from None


def _check(columns: Sequence[str]) -> None:
    """Raises WrongStockFile."""
    missing, unknown = {"sku", "warehouse"} - {*columns}, [each for each in columns if each not in KNOWN]
    twice = [each for each in columns if columns.count(each) > 1]
    if missing or unknown:
        said = f"the column {min(missing)} is missing" if missing else f"there is no column {unknown[0]!r}"
        raise WrongStockFile(f"line 1: {said}; known are {', '.join(sorted(KNOWN))}")
    if twice:
        raise WrongStockFile(f"line 1: the column {twice[0]} is there twice")
    if not {"quantity", "total"} & {*columns}:
        raise WrongStockFile("line 1: there must be a column quantity or total")


def _lines(reader: "csv.DictReader[str]", reason: str) -> Iterator[FileLine]:
    for row in reader:
        number = reader.line_num
        if number > LINES_MAX:
            raise WrongStockFile(f"has more than {LINES_MAX} lines")
        if None in row or None in row.values():
            raise WrongStockFile(f"line {number}: has another number of values than the first line")
        quantity, total = _number(row, "quantity", number), _number(row, "total", number)
        version = _number(row, "version", number) or 0
        if quantity is not None:
            total, version = None, 0
        change = StockLine(
            sku=_bare(row["sku"]),
            warehouse_code=_bare(row["warehouse"]),
            quantity=quantity,
            total=total,
            version=version,
            type=(row.get("type") or "ADJUSTMENT").upper(),
            reason=row.get("reason") or reason,
            reference=row.get("reference") or "",
        )
        is_new = quantity is None and total is not None and not version
        product, variant = _bare(row.get("product") or ""), _bare(row.get("variant") or "")
        when, how_many = _number(row, "reorder_point", number), _number(row, "reorder_quantity", number)
        yield FileLine(number, change, product if is_new else "", variant, when, how_many)


def _written(rows: Iterable[Sequence[object]]) -> str:
    """The entries as CSV: each text as it is, as it has to name the same entry again."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(EXPORTED)
    writer.writerows(rows)
    return text.getvalue()


def _exported(entry: StockEntry, codes: Mapping[str, str]) -> Sequence[object]:
    texts = entry.sku, codes.get(entry.warehouse_id, entry.warehouse_id), entry.product, entry.variant
    quantities = entry.available, entry.reserved, entry.total
    return (*map(_guarded, texts), *quantities, entry.reorder_point, entry.reorder_quantity, entry.version)


def _guarded(text: str) -> str:
    """A spreadsheet takes it for a text, and so does `_bare`."""
    return f"{GUARD}{text}" if text.startswith(GUARD) else no_formula(text)


def _bare(text: str) -> str:
    return text.removeprefix(GUARD)


def _number(row: Mapping[str, str], name: str, line: int) -> int | None:
    said = (row.get(name) or "").strip()
    if not said:
        return None
    if not WHOLE.fullmatch(said):
        raise WrongStockFile(f"line {line}: {name} must be a whole number of at most 18 digits, not {said[:40]!r}")
    return int(said)
