"""On whose behalf something is done: a user, a service, or the house itself, and what they may do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the tenant and its user."""

    organization: str
    user: str
