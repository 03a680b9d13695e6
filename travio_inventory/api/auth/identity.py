"""An identity: for whom a caller may act, and what it may ask for. It makes the Actor of every request."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from travio_inventory.kernel.actor import EVERY_SCOPE, WITHOUT_USER, Actor, ActorKind, Scope, service_of, user_anywhere
from travio_inventory.kernel.refusals import PermissionDenied, Unauthenticated


class Grant(StrEnum):
    """A word of a token's scope: what its holder may ask for. Each call names the one that it needs."""

    HEALTH = "health"
    """Whether the service is there: everybody may ask that."""
    VIEW = "view"
    """Seat maps, availability and live feeds: what anybody may see if an operator allows it. READ has it too."""
    READ = "read"
    """Trips, and one's own holds and places on waiting lists."""
    HOLD = "hold"
    """Hold, extend, move and release seats; join waiting lists and leave them."""
    CONFIRM = "confirm"
    """Book, and cancel bookings."""
    ADMIN = "admin"
    """Open trips, change them, take seats off sale, read whose bookings there are."""
    STOCK_READ = "stock:read"
    """Entries, warehouses, movements and reports of stock."""
    STOCK_ADJUST = "stock:adjust"
    """Change how much stock there is."""
    STOCK_APPROVE = "stock:approve"
    """Decide about changes of stock that somebody else asked for."""
    STOCK_RESERVE = "stock:reserve"
    """Reserve stock for orders, commit it and give it back."""
    STOCK_ADMIN = "stock:admin"
    """Add and change entries and warehouses."""
    DELEGATE = "delegate"
    """Act for users of the organization, whom each request names."""

    @property
    def word(self) -> str:
        """The word of a scope with which a caller has it."""
        return Grant.READ if self is Grant.VIEW else self


_BESIDES: Final = {Grant.VIEW: {Scope.TRIPS_READ}, Grant.ADMIN: {Scope.TRIPS_READ}}
GRANTS: Final[Mapping[Grant, frozenset[Scope]]] = MappingProxyType(
    {
        grant: frozenset(scope for scope in EVERY_SCOPE if scope.word == grant) | _BESIDES.get(grant, set())
        for grant in Grant
    }
)
"""What an actor with the grant may do."""
EVERY_GRANT: Final = frozenset(Grant)


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller. `organization` and `user` are who it is, "" where it is nobody in particular; who it may be besides,
    `names_organization` and `names_user` say. `subject` is the caller itself, where that is not the user.
    """

    grants: frozenset[Grant]
    organization: str = ""
    user: str = ""
    subject: str = ""
    names_organization: bool = False
    """Whether a request may name any organization."""
    names_user: bool = False
    """Whether a request may name any user."""
    is_anonymous: bool = False
    expires_at_s: int = field(default=0, compare=False)
    """When it is known no longer, in Unix seconds; 0 = never."""

    def needs(self, grant: Grant) -> None:
        """Raises PermissionDenied if the caller may not ask for that; Unauthenticated if it has only not said who it
        is.
        """
        if grant in self.grants or (grant is Grant.VIEW and Grant.READ in self.grants):
            return
        if self.is_anonymous:
            raise Unauthenticated
        raise PermissionDenied(grant.word)

    def placed_in(self, organization: str) -> "Identity":
        """The same caller, in that organization if it is in none: for requests that cannot name one."""
        return self if self.organization else replace(self, organization=organization)

    def as_user(self, organization: str, user: str) -> Actor:
        """The user whom the request names, or the caller. Raises InvalidRequest; PermissionDenied, if the caller may
        not act for them, whether or not they exist, as all of these do.
        """
        if organization and user and self.names_organization and self.names_user and not self.is_anonymous:
            return Actor(organization, user, scopes_of(self.grants))  # as below, for those who may name anybody
        return Actor(self.organization_for(organization), self.user_for(user), scopes_of(self.grants))

    def as_member(self, organization: str, user: str) -> Actor:
        """In the organization, as the user whom the request names, or as the caller: who may do what needs no user."""
        named = self.user_for(user) or self.subject
        kind = ActorKind.USER if named else ActorKind.SERVICE
        return Actor(self.organization_for(organization), named, WITHOUT_USER & scopes_of(self.grants), kind)

    def as_organization(self, organization: str) -> Actor:
        """The organization alone, where a request has no user."""
        return service_of(self.organization_for(organization), scopes_of(self.grants))

    def as_reader(self, organization: str, user: str) -> Actor:
        """A user, of every organization where neither the request nor the caller names one."""
        if organization or self.organization:
            return self.as_user(organization, user)
        return user_anywhere(self.user_for(user), scopes_of(self.grants))

    def organization_for(self, named: str) -> str:
        """The organization that the request names, or the caller's own. Raises PermissionDenied."""
        if not named or named == self.organization:
            return self.organization
        if not self.names_organization:
            raise PermissionDenied("", "organization: the caller may not act in another one than its own")
        return named

    def user_for(self, named: str) -> str:
        """The user whom the request names, or the caller. Raises PermissionDenied; Unauthenticated, if the caller is
        nobody.
        """
        if not named or named == self.user:
            return self.user
        if self.is_anonymous:
            raise Unauthenticated
        if not self.names_user:
            raise PermissionDenied(Grant.DELEGATE, "user: the caller may act for another one only with scope delegate")
        return named


ANYONE: Final = Identity(frozenset({Grant.VIEW}), names_organization=True, is_anonymous=True)
"""A caller that has not said who it is, where an operator lets such callers see what is on sale."""


@lru_cache(maxsize=64)
def scopes_of(grants: frozenset[Grant]) -> frozenset[Scope]:
    """What an actor with these grants may do."""
    return EVERY_SCOPE if grants == EVERY_GRANT else frozenset().union(*(GRANTS[grant] for grant in grants))
