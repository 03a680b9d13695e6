"""How many requests callers may make."""

from travio_inventory.settings.component import Component, setting

PER_SECOND_MAX = 1_000_000


class RateSettings(Component):
    """Limits of requests. They are counted in Redis where that is the edge, else in each process."""

    per_holder_max: int = setting(
        "REQUESTS_PER_HOLDER_MAX",
        0,
        "requests a second of a user who is known by a token; 0 = any number",
        ge=0,
        le=PER_SECOND_MAX,
    )
    per_organization_max: int = setting(
        "REQUESTS_PER_ORGANIZATION_MAX",
        0,
        "requests a second of an organization; 0 = any number",
        ge=0,
        le=PER_SECOND_MAX,
    )
    per_address_max: int = setting(
        "REQUESTS_PER_ADDRESS_MAX",
        0,
        "requests a second from an address, or a network of IPv6; 0 = any number",
        ge=0,
        le=PER_SECOND_MAX,
    )
    burst_seconds: int = setting(
        "REQUEST_BURST_SECONDS", 5, "how many seconds' requests may come at once", ge=1, le=600
    )
    trusted_hops: int = setting(
        "TRUSTED_HOPS",
        0,
        "proxies in front of the service, whose X-Forwarded-For says where a call comes from; 0 = none",
        ge=0,
        le=10,
    )
