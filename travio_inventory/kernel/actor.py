"""On whose behalf a use case runs (a user, a service, or the house itself), and what that actor may do."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.ids import is_plain
from travio_inventory.kernel.quick import quick
from travio_inventory.kernel.refusals import PermissionDenied


class Scope(StrEnum):
    """A right of an actor. Each use case names the one that it needs."""

    TRIPS_READ = "trips:read"
    """Definitions, seat maps, availability."""
    TRIPS_ADMIN = "trips:admin"
    """Open trips for sale."""
    SEATS_HOLD = "seats:hold"
    """Hold seats, extend the hold, release it."""
    SEATS_BLOCK = "seats:block"
    """Take seats off sale, and put them back."""
    BOOKINGS_READ = "bookings:read"
    """The bookings of the organization, whoever made them, with their passengers."""
    HOLDS_READ = "holds:read"
    HOLDERS_READ = "holders:read"
    """Whose a hold of the organization is, for callers that act for its holder."""
    DEEDS_READ = "deeds:read"
    """Who of the house did what."""
    SEATS_EXPLAIN = "seats:explain"
    """Who had a seat, and who was refused it, without passengers."""
    BOOKINGS_CONFIRM = "bookings:confirm"
    BOOKINGS_CANCEL = "bookings:cancel"
    WAITLISTS_READ = "waitlists:read"
    WAITLISTS_JOIN = "waitlists:join"
    """Join waiting lists, and leave them."""
    STOCK_READ = "stock:read"
    """Entries, warehouses and movements of the organization."""
    STOCK_ADJUST = "stock:adjust"
    """Change how many there are."""
    STOCK_APPROVE = "stock:approve"
    """Decide about changes that somebody else asked for."""
    STOCK_RESERVE = "stock:reserve"
    """Reserve stock for orders, commit it and give it back."""
    STOCK_ADMIN = "stock:admin"
    """Add and change entries and warehouses."""
    HOUSE_WORK = "house:work"
    """End what has lapsed and forget what is over, in every organization."""

    @property
    def word(self) -> str:
        """The word of a token that grants it, by which callers know it; the house's own is granted to nobody."""
        return _WORDS.get(self, self)


class ActorKind(StrEnum):
    """The kind of an actor."""

    USER = "user"
    SERVICE = "service"
    """A program of the organization that acts for no user."""
    HOUSE = "house"
    """Whoever sells, and the service on their behalf."""
    SYSTEM = "system"
    """Nobody: what happens by itself when time runs out. Only events are told of it."""


_WORDS: Final = {
    Scope.TRIPS_READ: "read",
    Scope.HOLDS_READ: "read",
    Scope.WAITLISTS_READ: "read",
    Scope.SEATS_HOLD: "hold",
    Scope.WAITLISTS_JOIN: "hold",
    Scope.BOOKINGS_CONFIRM: "confirm",
    Scope.BOOKINGS_CANCEL: "confirm",
    Scope.TRIPS_ADMIN: "admin",
    Scope.SEATS_BLOCK: "admin",
    Scope.SEATS_EXPLAIN: "admin",
    Scope.DEEDS_READ: "admin",
    Scope.BOOKINGS_READ: "admin",
    Scope.HOLDERS_READ: "delegate",
}
EVERY_SCOPE: Final = frozenset(Scope) - {Scope.HOUSE_WORK}
"""Everything that an outside caller may do."""
OF_A_USER: Final = EVERY_SCOPE - {
    Scope.TRIPS_READ,
    Scope.TRIPS_ADMIN,
    Scope.HOLDERS_READ,
    Scope.SEATS_BLOCK,
    Scope.SEATS_EXPLAIN,
    Scope.DEEDS_READ,
    Scope.BOOKINGS_READ,
    Scope.STOCK_READ,
    Scope.STOCK_ADJUST,
    Scope.STOCK_APPROVE,
    Scope.STOCK_RESERVE,
    Scope.STOCK_ADMIN,
}
"""What is done for a user: the actor must name one."""
OF_AN_ORGANIZATION: Final = EVERY_SCOPE - {Scope.WAITLISTS_READ}
"""What is done in an organization: the actor must name one."""
WITHOUT_USER: Final = EVERY_SCOPE - OF_A_USER
WITHOUT_ORGANIZATION: Final = EVERY_SCOPE - OF_AN_ORGANIZATION


@quick
@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user of an organization. "" stands for no user or for every organization, if the scopes allow it.

    Raises InvalidRequest, which names `organization_id` and `user_id`.
    """

    organization: str
    user: str
    scopes: frozenset[Scope] = EVERY_SCOPE
    kind: ActorKind = ActorKind.USER

    def __post_init__(self) -> None:
        if is_plain(self.organization) and is_plain(self.user):
            return
        found = Faults()
        found.id("organization_id", self.organization, required=not self.scopes.isdisjoint(OF_AN_ORGANIZATION))
        found.id("user_id", self.user, required=not self.scopes.isdisjoint(OF_A_USER))
        found.finish()

    def needs(self, scope: Scope) -> None:
        """Raises PermissionDenied if the actor does not have the scope."""
        if scope not in self.scopes:
            raise PermissionDenied(scope.word)


@lru_cache(maxsize=1_024)
def service_of(organization: str, scopes: frozenset[Scope] = EVERY_SCOPE) -> Actor:
    """A program that acts in the organization for no user. Raises InvalidRequest."""
    return Actor(organization, "", WITHOUT_USER & scopes, ActorKind.SERVICE)


def user_anywhere(user: str, scopes: frozenset[Scope] = EVERY_SCOPE) -> Actor:
    """A user of any organization, who may read their own places on waiting lists everywhere. Raises InvalidRequest."""
    return Actor("", user, WITHOUT_ORGANIZATION & scopes)


def house_of(organization: str) -> Actor:
    """The house itself, in one organization."""
    return Actor(organization, "", WITHOUT_USER | {Scope.HOUSE_WORK}, ActorKind.HOUSE)


def house_for(organization: str, user: str) -> Actor:
    """The house itself, which does in a user's place what its user may do. Raises InvalidRequest."""
    return Actor(organization, user, EVERY_SCOPE, ActorKind.HOUSE)


def operator(user: str, organization: str = "") -> Actor:
    """Somebody of the house at a command line, in one organization or in every one. Raises InvalidRequest."""
    return Actor(organization, user, frozenset({Scope.HOUSE_WORK}), ActorKind.HOUSE)


HOUSE: Final = Actor("", "", frozenset({Scope.HOUSE_WORK}), ActorKind.HOUSE)
"""The house itself, in every organization."""
