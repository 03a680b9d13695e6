"""A caller, and for whom a request of it is."""

from typing import NamedTuple

from travio_inventory.api.auth.identity import Identity
from travio_inventory.kernel.actor import Actor


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

    def acting_for(self, user: str) -> "Caller":
        """The same caller, with the user whom a part of the request names, if it names one."""
        return self._replace(user=user) if user else self
