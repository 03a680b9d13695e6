"""Backups of the embedded store, taken beside a sale and restored into another folder, which an audit finds whole."""

import asyncio
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import anyio
import pytest

from tests.store.disk import files_of_at_most
from tests.typed import Type, Typed
from travio_inventory.app.service import open_assembly, open_inventory
from travio_inventory.app.stock import open_stock
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.commands import ConfirmHoldCommand, HoldsQuery
from travio_inventory.seats.trip import Ends
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.stock.commands import AddEntry, AddWarehouse
from travio_inventory.stock.reservation import Item, OfReservation, Reserve, Status
from travio_inventory.stock.use_cases import Stock
from travio_inventory.stock.warehouse import Site
from verification.kit.asking import hold_seats, open_trip
from verification.kit.in_process import settings_of
from verification.kit.trips import a_trip

ANN = Actor("default", "ann")
AHEAD = 5


def data(folder: Path) -> dict[str, str]:
    return {"TRAVIO_DATA": str(folder / "data"), "TRAVIO_EDGE": "local"}


async def book(inventory: Inventory, seat: str, order: str) -> None:
    hold = await hold_seats(inventory, ANN, "t1", Ends("A", "D"), [seat], ttl_s=60)
    await inventory.confirm_hold(ANN, ConfirmHoldCommand(hold_id=hold.id, order_id=order))


async def orders(folder: Path) -> set[str]:
    """The orders of Ann's bookings, as a service on the folder tells them."""
    async with open_inventory(settings_of(folder)) as inventory:
        page = await inventory.read_holds.page(ANN, HoldsQuery(trip_id="t1", include_ended=False))
    return {str(getattr(hold.state, "order", "")) for hold in page.holds}


async def buy(stock: Stock, order: str, *skus: str) -> None:
    if not skus:
        return
    await stock.reserve.reserve(ANN, Reserve(order, [Item(sku, 1) for sku in skus]))
    await stock.reserve.commit(ANN, OfReservation(order_id=order))


async def orders_of_stock(folder: Path, *orders: str) -> set[str]:
    """Those of the orders whose reservations are committed."""
    async with open_stock(settings_of(folder)) as stock:
        found = [await stock.reserve.of_order(ANN, order) for order in orders]
    return {each.order_id for each in found if each.status is Status.COMMITTED}


async def sell_and_copy(folder: Path, typed: Type, file: Path, *skus: str) -> Typed:
    """Book the seats one after the other, and these goods if there are some, and back up after some; the orders before
    it are in it for certain.
    """

    async def sell_on(inventory: Inventory, stock: Stock) -> None:
        for seat in range(AHEAD + 1, 19):
            with suppress(Refusal):
                await book(inventory, f"A{seat}", f"order-{seat}")
                await buy(stock, f"order-{seat}", *skus)

    async with open_assembly(settings_of(folder)) as assembly:
        inventory, stock = assembly.inventory, assembly.stock
        assert stock is not None
        for sku in skus:
            there = await stock.warehouses.add(ANN, AddWarehouse(sku, Site(sku)))
            await stock.keep.add(ANN, AddEntry(sku, there.id, sku, 30))
        await open_trip(inventory, a_trip(organization="default", seats_per_group=4))
        for seat in range(1, AHEAD + 1):
            await book(inventory, f"A{seat}", f"order-{seat}")
            await buy(stock, f"order-{seat}", *skus)
        selling = asyncio.ensure_future(sell_on(inventory, stock))
        copied = await anyio.to_thread.run_sync(lambda: typed("backup", str(file), **data(folder)))
        await selling
    return copied


def test_a_backup_beside_a_sale_is_restored_and_audited(typed: Type, tmp_path: Path) -> None:
    file, other = tmp_path / "copy.db", tmp_path / "other"
    copied = anyio.run(sell_and_copy, tmp_path, typed, file, "cup", "jug")
    assert (copied.status, copied.err) == (0, "")
    assert file.stat().st_mode & 0o777 == 0o600
    restored = typed("restore", str(file), **data(other))
    assert restored.status == 0
    assert "travio-inventory audit --repair" in restored.out
    audited = typed("audit", "--groups-per-second", "1000", **data(other))
    assert (audited.status, "0 found" in audited.out, "2 entries of stock" in audited.out) == (0, True, True)
    ahead = {f"order-{seat}" for seat in range(1, AHEAD + 1)}
    assert anyio.run(orders_of_stock, other, *ahead) == ahead
    assert anyio.run(orders, other) >= ahead
    assert len(anyio.run(orders, tmp_path)) == 18


def test_a_store_that_is_there_is_replaced_only_if_asked_and_kept(typed: Type, tmp_path: Path) -> None:
    file, other = tmp_path / "copy.db", tmp_path / "other"
    anyio.run(sell_and_copy, tmp_path, typed, file)
    typed("restore", str(file), **data(other))
    refused = typed("restore", str(file), **data(other))
    assert (refused.status, "--replace puts it aside" in refused.err) == (1, True)
    assert typed("restore", str(file), "--replace", **data(other)).status == 0
    (aside,) = (other / "data").glob("*.replaced")
    with closing(sqlite3.connect(aside)) as connection:
        assert connection.execute("SELECT count(*) FROM seat_groups").fetchone() > (0,)


@pytest.mark.parametrize("words", [(), ("--replace",)])
def test_a_journal_whose_database_is_gone_is_no_part_of_what_is_restored(
    typed: Type, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """An operator removed a database and left what its process had written beside it."""
    file, other = tmp_path / "copy.db", tmp_path / "other" / "data"
    anyio.run(sell_and_copy, tmp_path, typed, file)
    other.mkdir(parents=True)

    async def killed() -> None:
        async with open_inventory(settings_of(tmp_path)) as inventory:
            await open_trip(inventory, a_trip("t2", organization="default"))
            for name in ("inventory.db-wal", "inventory.db-shm"):
                shutil.copy(tmp_path / "data" / name, other / name)

    anyio.run(killed)
    assert (other / "inventory.db-wal").stat().st_size
    assert typed("restore", str(file), *words, **data(tmp_path / "other")).status == 0
    audited = typed("audit", "t2", **data(tmp_path / "other"))
    assert "1 trips" not in audited.out
    (aside,) = other.glob("*-wal.*.replaced")
    assert aside.stat().st_size


async def test_the_store_of_a_service_that_runs_is_no_backup(typed: Type, tmp_path: Path) -> None:
    """Most of it is beside its file, and it changes while it is copied."""
    async with open_inventory(settings_of(tmp_path)) as inventory:
        await open_trip(inventory, a_trip(organization="default"))
        words = ("restore", str(tmp_path / "data" / "inventory.db"))
        refused = await anyio.to_thread.run_sync(lambda: typed(*words, **data(tmp_path / "other")))
    assert (refused.status, "is in use" in refused.err, refused.err.count("\n")) == (1, True, 1)
    assert not (tmp_path / "other" / "data" / "inventory.db").exists()


def test_a_disk_without_room_keeps_no_part_of_a_restore(typed: Type, tmp_path: Path) -> None:
    file, other = tmp_path / "copy.db", tmp_path / "other"
    anyio.run(sell_and_copy, tmp_path, typed, file)
    with files_of_at_most(file.stat().st_size // 2):
        refused = typed("restore", str(file), **data(other))
    assert (refused.status, "has no room for it" in refused.err) == (1, True)
    assert [each.name for each in (other / "data").iterdir()] == ["lock"]


def test_no_backup_and_no_restore_are_told_in_one_line(typed: Type, tmp_path: Path) -> None:
    file, bad = tmp_path / "copy.db", tmp_path / "bad.db"
    nothing = typed("backup", str(file), **data(tmp_path))
    assert (nothing.status, "no database in" in nothing.err, file.exists()) == (1, True, False)
    anyio.run(sell_and_copy, tmp_path, typed, file)
    nowhere = typed("backup", str(tmp_path / "none" / "copy.db"), **data(tmp_path))
    assert (nowhere.status, nowhere.err) == (1, f"no backup in {tmp_path}/none/copy.db: No such file or directory\n")
    again = typed("backup", str(file), **data(tmp_path))
    assert (again.status, again.err) == (1, f"{file} exists: name a new file\n")
    for content, said in ((b"x" * 4096, "is no backup of an inventory"), (file.read_bytes()[:-8192], "is damaged")):
        bad.write_bytes(content)
        refused = typed("restore", str(bad), **data(tmp_path / "new"))
        assert (refused.status, refused.err.count("\n")) == (1, 1)
        assert said in refused.err or "is no backup" in refused.err
        assert not (tmp_path / "new" / "data" / "inventory.db").exists()


@pytest.mark.parametrize(
    ("name", "why"), [(".", "Is a directory"), ("taken/copy.db", "Not a directory"), ("x" * 300, "File name too long")]
)
def test_what_can_be_no_file_is_named(
    typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").touch()
    anyio.run(sell_and_copy, tmp_path, typed, tmp_path / "copy.db")
    backed_up = typed("backup", name, **data(tmp_path))
    said = ". exists: name a new file" if name == "." else f"no backup in {name}: {why}"
    assert (backed_up.status, backed_up.err) == (1, f"{said}\n")
    restored = typed("restore", name, **data(tmp_path / "new"))
    assert (restored.status, restored.err) == (1, f"{name} cannot be read: {why}\n")


async def test_a_folder_in_use_is_not_restored_into(typed: Type, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    await sell_and_copy(tmp_path, typed, file)
    async with open_inventory(settings_of(tmp_path)):
        words = ("restore", str(file), "--replace")
        refused = await anyio.to_thread.run_sync(lambda: typed(*words, **data(tmp_path)))
    assert (refused.status, "is in use by process" in refused.err) == (1, True)


@pytest.mark.parametrize("store", ["scylla", "memory"])
def test_a_folder_of_an_earlier_embedded_store_is_no_backup_of_another_store(
    typed: Type, tmp_path: Path, store: str
) -> None:
    """A service that moved to a cluster still has the folder: its copy would be old, and a restore without effect."""
    file, late = tmp_path / "copy.db", tmp_path / "late.db"
    anyio.run(sell_and_copy, tmp_path, typed, file)
    for words, folder in (("backup", str(late)), tmp_path), (("restore", str(file)), tmp_path / "new"):
        refused = typed(*words, **data(folder), TRAVIO_STORE=store)
        assert (refused.status, refused.out, refused.err.count("\n")) == (2, "", 1)
        assert refused.err.startswith(f"TRAVIO_STORE={store} is no embedded store: ")
    assert not late.exists()
    assert not (tmp_path / "new" / "data").exists()
