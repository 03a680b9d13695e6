"""The command that makes a token for development, signed by the secret that the service has."""

import time
from typing import Annotated

from cyclopts import Parameter
from cyclopts.types import PositiveInt

from travio_inventory.api.auth.identity import Grant
from travio_inventory.cli.connection_options import AsJson, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.server import settings_or_none

SCOPE = "read hold confirm"
WORDS = tuple(dict.fromkeys(grant.word for grant in Grant if grant is not Grant.HEALTH))
AN_HOUR = 3_600
NO_SECRET = "only a service with TRAVIO_AUTH=jwt and TRAVIO_JWT_SECRET believes tokens of this command"  # noqa: S105 - none


def make_token(
    *,
    user: Annotated[str, Parameter(env_var="TRAVIO_USER")] = "me",
    organization: Annotated[str, Parameter(env_var="TRAVIO_ORGANIZATION")] = "default",
    scope: str = SCOPE,
    seconds: PositiveInt = AN_HOUR,
    as_json: AsJson = False,
) -> Exit:
    """Print a token that a service with the same settings believes: TRAVIO_JWT_SECRET signs it. For development; in
    production an issuer makes them.

    Parameters
    ----------
    user
        The user, or the service if the scope has delegate.
    organization
        The organization of the user.
    scope
        What the token is for: words such as read, hold, confirm, admin, stock:read or delegate, with spaces between.
    seconds
        How long it lasts.
    """
    import jwt  # noqa: PLC0415 - other commands need none

    settings, screen = settings_or_none(), Screen(as_json=as_json)
    if settings is None:
        return Exit.WRONG
    auth, now_s = settings.auth, int(time.time())
    if not auth.jwt_secret:
        return fail(screen, Failure(Exit.WRONG, "NO_SECRET", NO_SECRET))
    if unknown := [word for word in scope.split() if word not in WORDS]:
        said = f"--scope: there is no scope {unknown[0]!r}: known are {', '.join(WORDS)}"
        return fail(screen, Failure(Exit.WRONG, "INVALID_ARGUMENT", said))
    claims = {
        "iss": auth.jwt_issuer,
        "aud": auth.jwt_audience,
        "sub": user,
        auth.jwt_organization_claim: organization,
        "scope": scope,
        "iat": now_s,
        "exp": now_s + seconds,
    }
    token = jwt.encode(claims, auth.jwt_secret.get_secret_value(), "HS256")
    screen.answer({"token": token, "expires_at": now_s + seconds}, lambda: screen.say(token))
    return Exit.DONE
