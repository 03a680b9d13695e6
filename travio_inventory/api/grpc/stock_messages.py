"""Turns messages about stock into an actor and a request; the values check themselves."""

from collections.abc import Sequence
from datetime import date

from travio_inventory.api.auth.identity import Identity
from travio_inventory.api.grpc.actor import member_of
from travio_inventory.api.grpc.decoding import optional, paged
from travio_inventory.api.grpc.messages import Fields, asked
from travio_inventory.api.page_tokens import place
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.allocation import Asked, Rule, ShipTo, Wanted, rules_named
from travio_inventory.stock.approval import ApprovalsQuery, DecideAdjustment
from travio_inventory.stock.approval import approval_named as named_approval
from travio_inventory.stock.availability import QUESTIONS_MAX, StockQuestion, StockQuestions
from travio_inventory.stock.bulk import LINES_MAX, StockLine, UpdateMany
from travio_inventory.stock.commands import (
    PAGE_MAX,
    AddEntry,
    AddWarehouse,
    AdjustStock,
    ChangeEntry,
    ChangeWarehouse,
    DeleteEntry,
    EntriesQuery,
    MovementsQuery,
    SetStock,
)
from travio_inventory.stock.entry import REORDER_POINT_DEFAULT, REORDER_QUANTITY_DEFAULT
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.reports import StockReportQuery, report_query
from travio_inventory.stock.reservation import ITEMS_MAX, TTL_S_DEFAULT, Item, OfReservation, Reserve
from travio_inventory.stock.reservation import LINES_MAX as LINES_OF_RESERVATION_MAX
from travio_inventory.stock.warehouse import Site, warehouse_named


def entry_named(caller: Identity, message: Fields) -> tuple[Actor, str]:
    """Read GetInventoryRequest: the actor and the id of the entry."""
    actor = member_of(caller, message)
    line = StockLine(message.inventory_id, message.sku, message.warehouse_id, message.warehouse_code)
    return actor, line.named(actor.organization)


def questions_asked(caller: Identity, message: Fields) -> tuple[Actor, Sequence[StockQuestion]]:
    """Read CheckAvailabilityRequest."""
    actor, questions = asked(caller, message, member_of, _questions)
    return actor, questions.items


def update_asked(caller: Identity, message: Fields) -> tuple[Actor, AdjustStock | SetStock]:
    """Read UpdateStockRequest."""
    actor = member_of(caller, message)
    return actor, _line(message.change).command(actor.organization, message.idempotency_key)


def updates_asked(caller: Identity, message: Fields) -> tuple[Actor, UpdateMany]:
    """Read UpdateStockBulkRequest."""
    return asked(
        caller,
        message,
        member_of,
        lambda message: UpdateMany(tuple(map(_line, message.lines[: LINES_MAX + 1])), message.idempotency_key),
    )


def entries_asked(caller: Identity, message: Fields) -> tuple[Actor, EntriesQuery]:
    """Read ListInventoryRequest."""

    def query(message: Fields) -> EntriesQuery:
        where = _warehouse(caller, message)
        return paged(message, lambda after: _entries(message, where, after))

    return asked(caller, message, member_of, query)


def approvals_asked(caller: Identity, message: Fields) -> tuple[Actor, ApprovalsQuery]:
    """Read ListApprovalsRequest."""
    return asked(caller, message, member_of, lambda message: paged(message, lambda after: _approvals(message, after)))


def approval_named(caller: Identity, message: Fields) -> tuple[Actor, str]:
    """Read GetApprovalRequest."""
    return asked(caller, message, member_of, lambda message: named_approval(message.approval_id))


def decision_made(caller: Identity, message: Fields) -> tuple[Actor, DecideAdjustment]:
    """Read DecideAdjustmentRequest."""
    return asked(
        caller,
        message,
        member_of,
        lambda message: DecideAdjustment(message.approval_id, message.approve, message.note),
    )


def entry_added(caller: Identity, message: Fields) -> tuple[Actor, AddEntry]:
    """Read AddInventoryRequest."""
    return asked(caller, message, member_of, lambda message: _entry(message, _warehouse(caller, message)))


def entry_changed(caller: Identity, message: Fields) -> tuple[Actor, ChangeEntry | DeleteEntry]:
    """Read ChangeInventoryRequest."""
    return asked(caller, message, member_of, _change)


def movements_asked(caller: Identity, message: Fields) -> tuple[Actor, MovementsQuery]:
    """Read ListMovementsRequest."""
    return asked(caller, message, member_of, _movements)


def warehouses_asked(caller: Identity, message: Fields) -> Actor:
    """Read ListWarehousesRequest."""
    return member_of(caller, message)


def warehouse_added(caller: Identity, message: Fields) -> tuple[Actor, AddWarehouse]:
    """Read AddWarehouseRequest."""
    return asked(
        caller,
        message,
        member_of,
        lambda message: AddWarehouse(message.code, _site(message.site), message.idempotency_key),
    )


def warehouse_changed(caller: Identity, message: Fields) -> tuple[Actor, ChangeWarehouse]:
    """Read ChangeWarehouseRequest."""
    return asked(
        caller,
        message,
        member_of,
        lambda message: ChangeWarehouse(message.warehouse_id, _site(message.site), message.version),
    )


def report_asked(caller: Identity, message: Fields, today: date) -> tuple[Actor, StockReportQuery]:
    """Read GetStockReportRequest."""
    return asked(
        caller,
        message,
        member_of,
        lambda message: report_query(message.region, message.from_day, message.to_day, today),
    )


def reserve_asked(caller: Identity, message: Fields) -> tuple[Actor, Reserve]:
    """Read ReserveStockRequest."""
    organization = caller.organization_for(message.organization_id)
    return asked(caller, message, member_of, lambda message: _reserve(message, organization))


def allocation_asked(caller: Identity, message: Fields) -> tuple[Actor, tuple[Asked, Sequence[Rule]]]:
    """Read PreviewAllocationRequest: what an order wants, and the rules that it goes by, if it names any."""
    organization = caller.organization_for(message.organization_id)
    return asked(caller, message, member_of, lambda message: _allocation(message, organization))


def reservation_named(caller: Identity, message: Fields) -> tuple[Actor, OfReservation]:
    """Read GetReservationRequest."""
    return asked(caller, message, member_of, lambda message: OfReservation(message.reservation_id, message.order_id))


def lines_named(caller: Identity, message: Fields) -> tuple[Actor, OfReservation]:
    """Read CommitReservationRequest or CancelReservationRequest."""
    return asked(
        caller,
        message,
        member_of,
        lambda message: OfReservation(
            message.reservation_id, message.order_id, message.inventory_ids[: LINES_OF_RESERVATION_MAX + 1]
        ),
    )


def _reserve(message: Fields, organization: str) -> Reserve:
    items = [Item(*each) for each in _items(message, organization)]
    may_split = message.allow_split if message.HasField("allow_split") else True
    ttl_s = message.ttl_seconds or TTL_S_DEFAULT
    to = _ship_to(message.ship_to) if message.HasField("ship_to") else None
    rules = rules_named(message.rules)
    return Reserve(message.order_id, items, message.idempotency_key, ttl_s, may_split, to, rules)


def _allocation(message: Fields, organization: str) -> tuple[Asked, Sequence[Rule]]:
    items = [Wanted(*each) for each in _items(message, organization)]
    may_split = message.allow_split if message.HasField("allow_split") else True
    return Asked(items, _ship_to(message.ship_to), may_split), rules_named(message.rules)


def _items(message: Fields, organization: str) -> Sequence[tuple[str, int, str]]:
    found, items = Faults(), []
    for index, each in enumerate(message.items[: ITEMS_MAX + 1]):
        with found.at(f"items[{index}]."):
            where = warehouse_named(organization, each.warehouse_id, each.warehouse_code)
            items.append((each.sku, each.quantity, where))
    found.finish()
    return items


def _ship_to(message: Fields) -> ShipTo:
    latitude = message.latitude if message.HasField("latitude") else None
    longitude = message.longitude if message.HasField("longitude") else None
    return ShipTo(latitude, longitude, message.region)


def _questions(message: Fields) -> StockQuestions:
    found, made = Faults(), []
    for index, each in enumerate(message.items[: QUESTIONS_MAX + 1]):
        with found.at(f"items[{index}]."):
            made.append(StockQuestion(each.sku, each.quantity, each.region))
    found.finish()
    return StockQuestions(made)


def _line(line: Fields) -> StockLine:
    return StockLine(
        line.inventory_id,
        line.sku,
        line.warehouse_id,
        line.warehouse_code,
        optional(line, "quantity"),
        optional(line, "quantity_total"),
        line.version,
        line.type or MovementType.ADJUSTMENT,
        line.reason,
        line.reference,
    )


def _warehouse(caller: Identity, message: Fields) -> str:
    """The id of the warehouse that is named by it, or by its code."""
    organization = caller.organization_for(message.organization_id)
    return warehouse_named(organization, message.warehouse_id, message.warehouse_code)


def _approvals(message: Fields, after: str) -> ApprovalsQuery:
    return ApprovalsQuery(not message.all, after, message.page_size or PAGE_MAX)


def _entries(message: Fields, warehouse: str, after: str) -> EntriesQuery:
    return EntriesQuery(
        message.sku,
        message.product_id,
        warehouse,
        message.region,
        message.low_stock,
        after,
        message.page_size or PAGE_MAX,
    )


def _entry(message: Fields, warehouse: str) -> AddEntry:
    point, quantity = optional(message, "reorder_point"), optional(message, "reorder_quantity")
    return AddEntry(
        message.sku,
        warehouse,
        message.product_id,
        message.quantity,
        message.variant_id,
        REORDER_POINT_DEFAULT if point is None else point,
        REORDER_QUANTITY_DEFAULT if quantity is None else quantity,
        message.idempotency_key,
    )


def _change(message: Fields) -> ChangeEntry | DeleteEntry:
    if message.is_deleted:
        return DeleteEntry(message.inventory_id, message.version)
    point, quantity = optional(message, "reorder_point"), optional(message, "reorder_quantity")
    shards = optional(message, "shards")
    return ChangeEntry(message.inventory_id, point, quantity, message.version, shards)


def _movements(message: Fields) -> MovementsQuery:
    found = Faults()
    after = place(found, message.page_token)
    with found:
        query = MovementsQuery(message.inventory_id, after, message.page_size or PAGE_MAX)
    found.finish()
    return query


def _site(site: Fields) -> Site:
    return Site(
        site.name,
        site.address,
        site.city,
        site.state,
        site.country,
        site.postal_code,
        site.region,
        site.is_active if site.HasField("is_active") else True,
        site.priority or 1,
        site.latitude if site.HasField("latitude") else None,
        site.longitude if site.HasField("longitude") else None,
    )
