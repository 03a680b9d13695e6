"""Who calls over HTTP, and for whom: each route names the grant that its caller needs, where its parameters are."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from travio_inventory.api.auth.caller import Caller, organization_of
from travio_inventory.api.auth.certificate_names import names_in
from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.auth.port import Authentication, Credentials, bearer_token
from travio_inventory.api.rest.single_values import header_of
from travio_inventory.kernel.answer_deadline import only_reading

CALLERS: Final = "callers"
"""The name under which the application's state has what tells callers apart."""
CALLER: Final = "caller"
"""In the scope of a request: who calls, by the grant that was asked for, once that is known."""
CERTIFICATE: Final = "certificate"
"""The name under which the state of a connection has the verified certificate of its peer, if there is one."""


class Callers:
    """Tells callers apart. Requests that name no organization, of callers that are in none, are of the default one."""

    def __init__(self, authentication: Authentication, *, default_organization: str) -> None:
        self._authentication = authentication
        self._default_organization = default_organization

    async def identify(self, connection: HTTPConnection, grant: Grant, *, token: str = "") -> Identity:
        """The caller, who has the grant; by that token, or by what the connection shows. Raises Unauthenticated,
        PermissionDenied, BackendUnavailable.
        """
        headers = connection.headers
        credentials = Credentials(
            token=token or bearer_token(headers.get("authorization", "")),
            certificate_names=tuple(names_in(connection.scope.get("state", {}).get(CERTIFICATE, {}))),
            organization=header_of(headers, "x-organization-id"),
            user=header_of(headers, "x-user-id"),
            address=connection.client.host if connection.client else "",
            forwarded_for=",".join(headers.getlist("x-forwarded-for")),
        )
        with only_reading:
            known = await self._authentication.identify(credentials)
        identity = known.placed_in(self._default_organization)
        identity.needs(grant)
        return identity


def organization_in(query: Mapping[str, str]) -> str:
    """The organization that the query of an address names, "" for none. Raises InvalidRequest where it names two."""
    return organization_of(query.get("org_id", ""), query.get("organization_id", ""))


class Needs:
    """A dependency of routes: the caller, who needs that grant, and whom the request names in its query or headers, or
    else the caller itself. Raises PermissionDenied if it may not act for them.
    """

    def __init__(self, grant: Grant) -> None:
        self.grant = grant

    async def __call__(self, connection: HTTPConnection) -> Caller:
        """Found out once for each request and grant, whoever asks first."""
        known: dict[Grant, Caller] = connection.scope.setdefault(CALLER, {})
        if self.grant not in known:
            known[self.grant] = await self._find_out(connection)
        return known[self.grant]

    async def _find_out(self, connection: HTTPConnection) -> Caller:
        callers: Callers = getattr(connection.app.state, CALLERS)
        identity = await callers.identify(connection, self.grant)
        query, headers = connection.query_params, connection.headers
        return Caller(
            identity,
            identity.organization_for(organization_in(query) or header_of(headers, "x-organization-id")),
            identity.user_for(query.get("user_id") or header_of(headers, "x-user-id")),
        )


def needs_of(dependant: Dependant) -> Needs | None:
    """What a route with these parameters needs of its callers, None if nothing."""
    calls = (dependency.call for dependency in dependant.dependencies)
    return next((call for call in calls if isinstance(call, Needs)), None)


def grant_of(route: APIRoute) -> Grant | None:
    """The grant that callers of the route need, None if they need none."""
    needs = needs_of(route.dependant)
    return needs.grant if needs else None


def _named(name: str, place: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "default": ""}
    return {"name": name, "in": place, "required": False, "description": description, "schema": schema}


NAMED: Final = (
    _named("org_id", "query", "The organization; else that of the caller."),
    _named("organization_id", "query", "As `org_id`."),
    _named("user_id", "query", "The user; else the caller."),
    _named("X-Organization-Id", "header", "As `org_id`."),
    _named("X-User-Id", "header", "As `user_id`."),
)
"""The parameters that `Needs` reads, as OpenAPI has them. FastAPI would make them for each route anew, and read them
for each request, at a tenth of its cost.
"""


def _caller_with(grant: Grant) -> Any:  # noqa: ANN401 - a marker of FastAPI's
    return Depends(Needs(grant))


Viewing = Annotated[Caller, _caller_with(Grant.VIEW)]
Reading = Annotated[Caller, _caller_with(Grant.READ)]
Holding = Annotated[Caller, _caller_with(Grant.HOLD)]
Confirming = Annotated[Caller, _caller_with(Grant.CONFIRM)]
StockReading = Annotated[Caller, _caller_with(Grant.STOCK_READ)]
StockAdjusting = Annotated[Caller, _caller_with(Grant.STOCK_ADJUST)]
StockApproving = Annotated[Caller, _caller_with(Grant.STOCK_APPROVE)]
StockReserving = Annotated[Caller, _caller_with(Grant.STOCK_RESERVE)]
StockAdministering = Annotated[Caller, _caller_with(Grant.STOCK_ADMIN)]
Administering = Annotated[Caller, _caller_with(Grant.ADMIN)]
