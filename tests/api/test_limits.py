"""Requests are counted by holder, organization and address, and who is not known by address."""

from collections.abc import Mapping, Sequence

import pytest

from travio_inventory.api.auth.identity import ANYONE, Grant, Identity
from travio_inventory.api.auth.limits import Limited, LimitedAuthentication, address_of
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.auth.port import Credentials
from travio_inventory.kernel.rates import Exceeded, Spend
from travio_inventory.kernel.refusals import RateLimited, Unauthenticated

ANN = Identity(frozenset({Grant.HOLD}), organization="acme", user="ann", subject="ann")
SHOP = Identity(frozenset({Grant.DELEGATE}), organization="acme", subject="shop", names_user=True)
EACH = {Limited.HOLDER: (2, 10), Limited.ORGANIZATION: (1_000, 5_000), Limited.ADDRESS: (50, 250)}
HERE = Credentials(address="192.0.2.7")


class Known:
    """Authentication: everybody is the same, or nobody is known."""

    def __init__(self, who: Identity | None) -> None:
        self._who = who

    async def identify(self, credentials: Credentials) -> Identity:
        if self._who is None:
            raise Unauthenticated
        return self._who

    def known(self, _credentials: Credentials) -> Identity | None:
        return self._who


class Counted:
    """Rates: notes what is spent, and refuses what it is told to."""

    def __init__(self, refused: str = "") -> None:
        self.spent: list[tuple[str, Sequence[Spend]]] = []
        self._refused = refused

    async def spend(self, scope: str, spends: Sequence[Spend]) -> Exceeded | None:
        self.spent.append((scope, spends))
        found = [Exceeded(at, 1_500_001) for at, each in enumerate(spends) if each.what == self._refused]
        return found[0] if found else None


def limited(who: Identity | None, rates: Counted, limits: Mapping[Limited, tuple[int, int]]) -> LimitedAuthentication:
    return LimitedAuthentication(Known(who), rates, limits, trusted_hops=0)


async def test_a_request_is_counted_for_its_holder_its_organization_and_its_address() -> None:
    rates = Counted()
    assert await limited(ANN, rates, EACH).identify(HERE) == ANN
    assert rates.spent == [
        (
            "acme",
            [
                Spend("holder:ann", 500_000, 10),
                Spend("organization:acme", 1_000, 5_000),
                Spend("address:192.0.2.7", 20_000, 250),
            ],
        )
    ]


@pytest.mark.parametrize(
    ("who", "counted"),
    [
        (SHOP, ["organization:acme", "address:192.0.2.7"]),
        (ANYONE, ["address:192.0.2.7"]),
        (None, ["address:192.0.2.7"]),
    ],
    ids=["a delegate", "anybody", "nobody who is known"],
)
async def test_who_is_no_holder_is_counted_without_one(who: Identity | None, counted: list[str]) -> None:
    rates = Counted()
    authentication = limited(who, rates, EACH)
    if who is None:
        with pytest.raises(Unauthenticated):
            await authentication.identify(HERE)
    else:
        await authentication.identify(HERE)
    ((_, spends),) = rates.spent
    assert [each.what for each in spends] == counted


@pytest.mark.parametrize("who", [ANN, None], ids=["known", "unknown"])
async def test_who_asks_too_often_is_told_when_to_ask_again(who: Identity | None) -> None:
    with pytest.raises(RateLimited) as refused:
        await limited(who, Counted("address:192.0.2.7"), EACH).identify(HERE)
    assert (refused.value.whose, refused.value.retry_after_ms) == ("address", 1_501)


async def test_what_is_not_limited_is_not_counted() -> None:
    rates = Counted()
    await limited(ANN, rates, {Limited.ORGANIZATION: (10, 50)}).identify(HERE)
    await LimitedAuthentication(AuthenticationOff(), rates, {Limited.HOLDER: (1, 1)}, trusted_hops=0).identify(HERE)
    assert [[each.what for each in spends] for _, spends in rates.spent] == [["organization:acme"]]


@pytest.mark.parametrize(
    ("forwarded_for", "hops", "address"),
    [
        ("203.0.113.9", 0, "192.0.2.7"),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 198.51.100.2", 2, "203.0.113.9"),
        ("203.0.113.9", 3, "203.0.113.9"),
        ("", 1, "192.0.2.7"),
        ("unknown", 1, "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", 1, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", 1, "203.0.113.9"),
    ],
)
def test_a_call_comes_from_where_trusted_proxies_say(forwarded_for: str, hops: int, address: str) -> None:
    """What stands further left a caller may have invented."""
    assert address_of(HERE._replace(forwarded_for=forwarded_for), trusted_hops=hops) == address
