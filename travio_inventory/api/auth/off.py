"""No authentication: the caller is whoever the call says."""

from typing import Final

from travio_inventory.api.auth.identity import EVERY_GRANT, Identity
from travio_inventory.api.auth.port import Credentials


class AuthenticationOff:
    """Authentication. Anybody who reaches the port may act for anybody."""

    async def identify(self, credentials: Credentials) -> Identity:
        """Who the call says. Raises nothing."""
        return self.known(credentials)

    def known(self, credentials: Credentials) -> Identity:
        """See Authentication."""
        if not credentials.organization and not credentials.user:
            return ANYBODY
        return Identity(
            EVERY_GRANT,
            organization=credentials.organization,
            user=credentials.user,
            names_organization=True,
            names_user=True,
        )


ANYBODY: Final = Identity(EVERY_GRANT, names_organization=True, names_user=True)
"""Whoever a request names."""
