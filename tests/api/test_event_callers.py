"""Who may call about events, and for whom."""

from grpclib.const import Status
from grpclib.health.check import ServiceStatus

from tests.api.event_serving import ALICE, BOB, serving, told
from tests.api.serving import refused
from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.auth.port import Credentials
from travio_inventory.wire.inventory import v1


class Tokens:
    """Knows who callers are by a table."""

    def __init__(self, *callers: Identity) -> None:
        self._callers = iter(callers)

    async def identify(self, _credentials: Credentials) -> Identity:
        return next(self._callers)

    def known(self, _credentials: Credentials) -> None:
        return None


USER = Identity(frozenset({Grant.READ, Grant.HOLD, Grant.CONFIRM}), organization="acme", user=ALICE)
ADMIN = Identity(frozenset({Grant.ADMIN}), organization="acme", user="root")
SHOP = Identity(frozenset({Grant.READ, Grant.HOLD, Grant.CONFIRM, Grant.DELEGATE}), "acme", names_user=True)


async def test_an_event_is_of_the_organization_that_the_caller_is_in() -> None:
    async with serving(authentication=Tokens(ADMIN, USER, USER, SHOP, SHOP)) as client:
        await client.open(organization="acme")
        assert len(await client.free()) == 3
        made = await client.reserve("A1", user="")
        assert made.user_id == ALICE
        assert (await client.find(made.reservation_id)).user_id == ALICE
        assert told(await client.confirm(made.reservation_id, user="")) == [("CONFIRMED", "A1")]


async def test_a_user_sees_no_reservation_of_another() -> None:
    other = Identity(USER.grants, organization="acme", user=BOB)
    async with serving(authentication=Tokens(ADMIN, USER, other, other, other)) as client:
        await client.open(organization="acme")
        made = await client.reserve("A1")
        async with refused(Status.NOT_FOUND, "hold not found"):
            await client.find(made.reservation_id)
        async with refused(Status.PERMISSION_DENIED, ""):
            await client.cancel(made.reservation_id, user=ALICE)
        async with refused(Status.NOT_FOUND, "hold not found"):
            await client.cancel(made.reservation_id, user="")


async def test_whoever_is_a_user_acts_for_nobody_else_unless_a_call_names_them() -> None:
    clerk = Identity(SHOP.grants, organization="acme", user=BOB, names_user=True)
    async with serving(authentication=Tokens(ADMIN, USER, clerk, clerk)) as client:
        await client.open(organization="acme")
        made = await client.reserve("A1")
        async with refused(Status.NOT_FOUND, "hold not found"):
            await client.cancel(made.reservation_id, user="")
        assert told(await client.cancel(made.reservation_id)) == [("CANCELLED", "A1")]


async def test_health_is_told_to_everybody_and_only_while_the_service_is_ready() -> None:
    nobody_comes, readiness = Tokens(), ServiceStatus()
    readiness.set(True)
    async with serving(authentication=nobody_comes, readiness=readiness) as client:
        assert (await client.stub.health_check(v1.HealthCheckRequest())).status == "healthy"
        readiness.set(False)
        async with refused(Status.UNAVAILABLE, "the service is not ready"):
            await client.stub.health_check(v1.HealthCheckRequest())
