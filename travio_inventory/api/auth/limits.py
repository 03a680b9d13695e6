"""How many requests a caller may make: by holder, organization and address, whatever the face."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from travio_inventory.api.auth.identity import Identity
from travio_inventory.api.auth.port import Authentication, Credentials
from travio_inventory.kernel.rates import Rates, Spend
from travio_inventory.kernel.refusals import RateLimited, Unauthenticated

NETWORK_BITS: Final = 64
"""Of an IPv6 address: whoever has one has all others of its network."""


class Limited(StrEnum):
    """Whose requests are counted."""

    HOLDER = "holder"
    """A user who is known by a token. A delegate is none: it acts for many."""
    ORGANIZATION = "organization"
    ADDRESS = "address"


Limits = Mapping[Limited, tuple[int, int]]
"""How many requests a second, and how many at once; what is not limited is not in it."""


class LimitedAuthentication:
    """Authentication, which also counts. Who is not known is counted by address; `trusted_hops` proxies in front of the
    service say truly where a call comes from.
    """

    def __init__(self, authentication: Authentication, rates: Rates, limits: Limits, *, trusted_hops: int) -> None:
        self._authentication = authentication
        self._rates = rates
        self._limits = {whose: (1_000_000 // per_second, burst) for whose, (per_second, burst) in limits.items()}
        self._trusted_hops = trusted_hops

    async def identify(self, credentials: Credentials) -> Identity:
        """See Authentication. Raises RateLimited too."""
        address = address_of(credentials, trusted_hops=self._trusted_hops)
        try:
            caller = await self._authentication.identify(credentials)
        except Unauthenticated:
            await self._spend("", {Limited.ADDRESS: address})
            raise
        holder = "" if caller.names_user else caller.user
        await self._spend(
            caller.organization,
            {Limited.HOLDER: holder, Limited.ORGANIZATION: caller.organization, Limited.ADDRESS: address},
        )
        return caller

    def known(self, credentials: Credentials) -> Identity | None:
        """See Authentication. Where requests are limited, each is counted."""
        return None if self._limits else self._authentication.known(credentials)

    async def _spend(self, organization: str, who: Mapping[Limited, str]) -> None:
        spends = list(self._spends(who))
        if spends and (exceeded := await self._rates.spend(organization, spends)):
            whose, _, _ = spends[exceeded.at].what.partition(":")
            raise RateLimited(whose, retry_after_ms=-(-exceeded.wait_us // 1_000))

    def _spends(self, who: Mapping[Limited, str]) -> Iterator[Spend]:
        for whose, (interval_us, burst) in self._limits.items():
            if name := who.get(whose, ""):
                yield Spend(f"{whose}:{name}", interval_us, burst)


def address_of(credentials: Credentials, *, trusted_hops: int) -> str:
    """Where the call comes from: who connected, or who the trusted proxies say; an IPv6 address as its network, ""
    if nothing is known.
    """
    hops = [*map(str.strip, credentials.forwarded_for.split(",")), credentials.address]
    said = hops[max(0, len(hops) - 1 - trusted_hops)]
    try:
        address = ip_address(said)
    except ValueError:
        return credentials.address
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ip_network((address, NETWORK_BITS), strict=False))
    return str(address)
