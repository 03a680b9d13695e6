"""A caller, and for whom a request of it is."""

from typing import NamedTuple

from travio_inventory.api.auth.identity import Identity
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import InvalidRequest, Violation


class Caller(NamedTuple):
    """The caller, and whom the request names: "" for nobody. Each method raises InvalidRequest, and PermissionDenied
    where the caller may not act for them.
    """

    identity: Identity
    organization: str = ""
    user: str = ""

    def as_user(self) -> Actor:
        """The user whom the request names, or the caller."""
        return self.identity.as_user(self.organization, self.user)

    def as_member(self) -> Actor:
        """The user whom the request names, or the caller, doing what needs no user."""
        return self.identity.as_member(self.organization, self.user)

    def as_organization(self) -> Actor:
        """The organization alone."""
        return self.identity.as_organization(self.organization)

    @property
    def is_anyone(self) -> bool:
        """Whether it may act for users, and neither it nor the request says for which."""
        return self.identity.names_user and not (self.user or self.identity.user)

    def acting_for(self, user: str, organization: str = "") -> "Caller":
        """The same caller, with the user and the organization that a part of the request names, if it names some."""
        if not user and not organization:
            return self
        return Caller(
            self.identity,
            self.identity.organization_for(organization or self.organization),
            self.identity.user_for(user or self.user),
        )


def organization_of(org_id: str, organization_id: str) -> str:
    """What a request names by either name, "" for none. Raises InvalidRequest where they differ."""
    if org_id and organization_id and org_id != organization_id:
        raise InvalidRequest([Violation("organization_id", "is another organization than org_id")])
    return org_id or organization_id
