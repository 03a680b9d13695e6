"""Changes of stock that wait for another person, over gRPC."""

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.testing import ChannelFor

from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.grpc.refusals import SerializedDetails
from travio_inventory.api.grpc.stock_service import StockService
from travio_inventory.app.stock import open_stock
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.wire.stock import v1
from verification.kit.in_process import settings_of


async def test_who_asked_is_refused_and_another_person_decides_once() -> None:
    async with open_stock(settings_of(stock_approval_above="5")) as stock:
        service = StockService(stock, authentication=AuthenticationOff(), clock=SystemClock(), bulk_s=60)
        async with ChannelFor([service], codec=PassThroughCodec(), status_details_codec=SerializedDetails()) as channel:
            await waits_for_another_person(v1.StockServiceStub(channel))


async def waits_for_another_person(stub: v1.StockServiceStub) -> None:
    site = v1.Site(name="North")
    await stub.add_warehouse(v1.AddWarehouseRequest(code="north", site=site, organization_id="org", user_id="ann"))
    added = v1.AddInventoryRequest(
        sku="cup", warehouse_code="north", product_id="p", quantity=20, organization_id="org", user_id="ann"
    )
    await stub.add_inventory(added)
    line = v1.StockLine(sku="cup", warehouse_code="north", quantity=-8, reason="water", type="DAMAGE")
    asked = v1.UpdateStockRequest(change=line, idempotency_key="k", organization_id="org", user_id="ann")
    reply = await stub.update_stock(asked)
    assert reply.movement is None
    assert reply.approval is not None
    assert (reply.approval.status, reply.approval.requested_by) == ("PENDING", "ann")
    decision = v1.DecideAdjustmentRequest(approval_id=reply.approval.approval_id, approve=True, organization_id="org")
    decision.user_id = "ann"
    with pytest.raises(GRPCError) as own:
        await stub.decide_adjustment(decision)
    assert own.value.status is Status.PERMISSION_DENIED
    listed = await stub.list_approvals(v1.ListApprovalsRequest(organization_id="org", user_id="ann"))
    assert listed.items == [reply.approval]
    decision.user_id = "bob"
    for _ in range(2):
        decided = (await stub.decide_adjustment(decision)).approval or v1.Approval()
        assert (decided.status, decided.decided_by) == ("APPROVED", "bob")
    named = v1.GetApprovalRequest(approval_id=decided.approval_id, organization_id="org", user_id="ann")
    assert (await stub.get_approval(named)).approval == decided
    again = await stub.update_stock(asked)
    assert again.movement is not None
    assert (again.movement.movement_id, again.movement.balance_after) == (decided.movement_id, 12)
