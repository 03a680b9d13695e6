"""Authentication of services by their client certificates, whose names are mapped to organizations."""

from collections.abc import Mapping
from typing import Final

from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.auth.port import Credentials
from travio_inventory.kernel.ids import fault_of
from travio_inventory.kernel.refusals import Unauthenticated

FORM: Final = "name=organization, or name=organization scope scope; several separated by commas"
OF_A_SERVICE: Final = frozenset({Grant.READ, Grant.HOLD, Grant.CONFIRM, Grant.DELEGATE})
"""What a service may do if its line names no scope."""


class CertificateAuthentication:
    """Authentication. The TLS layer has verified the certificate; the first of its names that is mapped says who calls.
    A call without a certificate is `anonymous`, where there is such a one.
    """

    def __init__(self, callers: Mapping[str, Identity], *, anonymous: Identity | None = None) -> None:
        self._callers = callers
        self._anonymous = anonymous

    async def identify(self, credentials: Credentials) -> Identity:
        """Whom the certificate names. Raises Unauthenticated."""
        return self.known(credentials)

    def known(self, credentials: Credentials) -> Identity:
        """The same: nothing is waited for."""
        if not credentials.certificate_names:
            if self._anonymous is None:
                raise Unauthenticated("", "this call needs a client certificate")
            return self._anonymous
        for name in credentials.certificate_names:
            if (caller := self._callers.get(name)) is not None:
                return caller
        raise Unauthenticated("", "the names in the client certificate belong to nobody here")


def parse_callers(text: str) -> Mapping[str, Identity]:
    """The callers by their names in certificates, as an operator writes them (FORM). Raises ValueError."""
    callers: dict[str, Identity] = {}
    for line in text.split(",") if text.strip() else ():
        name, _, rest = line.strip().partition("=")
        organization, *words = rest.split() or [""]
        if not name or fault_of(organization) or not set(words) <= set(Grant) or name in callers:
            raise ValueError("is not a list of callers")
        grants = frozenset(map(Grant, words)) or OF_A_SERVICE
        callers[name] = Identity(grants, organization, subject=name, names_user=Grant.DELEGATE in grants)
    return callers
