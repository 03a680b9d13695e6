"""Who may call, as the settings say: the authentication that all faces use, with what keeps it up to date."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import NamedTuple

from travio_inventory.api.auth.certificates import CertificateAuthentication, parse_callers
from travio_inventory.api.auth.identity import ANYONE, Identity
from travio_inventory.api.auth.limits import Limited, LimitedAuthentication
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.auth.port import Authentication
from travio_inventory.app.backends import Renewals, SecretFile, StartFailed
from travio_inventory.app.background import Job
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.rates import Rates
from travio_inventory.settings import AuthSettings, RateSettings, Settings

UNSAFE = "TRAVIO_AUTH=off: anybody who reaches the port may act for anybody"


class Authenticating(NamedTuple):
    """The authentication, and the jobs that keep it up to date."""

    authentication: Authentication
    jobs: Mapping[str, Job]


@asynccontextmanager
async def authenticating(settings: Settings, renewals: Renewals) -> AsyncIterator[Authenticating]:
    """As the settings say. Raises StartFailed where they leave it open who may call."""
    auth = settings.auth
    if wrong := why_not_served(settings):
        raise StartFailed(wrong)
    anonymous = ANYONE if auth.anonymous == "read" else None
    match auth.kind:
        case "jwt":
            async with _by_tokens(auth, settings.server.default_organization, anonymous, renewals) as by_tokens:
                yield by_tokens
        case "mtls":
            yield Authenticating(CertificateAuthentication(parse_callers(auth.mtls_callers), anonymous=anonymous), {})
        case "off":
            yield Authenticating(AuthenticationOff(), {})


def limited(authentication: Authentication, counting: Rates, rates: RateSettings) -> Authentication:
    """The authentication, which counts the requests of callers where they are limited."""
    per_second = {
        Limited.HOLDER: rates.per_holder_max,
        Limited.ORGANIZATION: rates.per_organization_max,
        Limited.ADDRESS: rates.per_address_max,
    }
    limits = {whose: (most, most * rates.burst_seconds) for whose, most in per_second.items() if most}
    if not limits:
        return authentication
    return LimitedAuthentication(authentication, counting, limits, trusted_hops=rates.trusted_hops)


def why_not_served(settings: Settings) -> str:
    """Why nothing may be served with these settings, and what to do; "" if it may."""
    auth, production = settings.auth, settings.scylla.environment == "production"
    is_said = "environment" in settings.scylla.model_fields_set
    if production and (settings.store.kind == "scylla" or is_said) and "kind" not in auth.model_fields_set:
        return (
            "TRAVIO_AUTH must be set in production, which is wherever TRAVIO_ENVIRONMENT says so or a scylla store is "
            "not for development: jwt, mtls, or off, where anybody who reaches the port may act for anybody"
        )
    if auth.kind == "mtls" and not settings.server.tls_cert:
        return "TRAVIO_AUTH=mtls needs TRAVIO_TLS_CERT and TRAVIO_TLS_KEY"
    return ""


def trust_callers(context: ssl.SSLContext, auth: AuthSettings) -> None:
    """Ask callers for a certificate, if they have one: calls of health need none. Raises StartFailed."""
    if auth.kind != "mtls":
        return
    try:
        context.load_verify_locations(auth.mtls_ca_file)
    except OSError as failed:
        raise StartFailed(f"TRAVIO_MTLS_CA_FILE={auth.mtls_ca_file}: no CA certificates in PEM form") from failed
    context.verify_mode = ssl.CERT_OPTIONAL


@asynccontextmanager
async def _by_tokens(
    auth: AuthSettings, default_organization: str, anonymous: Identity | None, renewals: Renewals
) -> AsyncIterator[Authenticating]:
    from travio_inventory.api.auth.keys import SharedSecret, check_secret  # noqa: PLC0415 - costs a start that needs none
    from travio_inventory.api.auth.tokens import TokenAuthentication, TokenRules  # noqa: PLC0415

    clock = SystemClock()
    rules = TokenRules(
        issuer=auth.jwt_issuer,
        audience=auth.jwt_audience,
        organization_claim=auth.jwt_organization_claim,
        organization_default=default_organization,
        leeway_s=auth.jwt_leeway_seconds,
    )
    if auth.jwt_secret_file:
        secret = SecretFile(
            "secret of tokens", auth.jwt_secret_file, renewals, check=lambda told: check_secret(told.encode())
        )
        by_file = TokenAuthentication(SharedSecret(secret), rules, clock=clock, anonymous=anonymous)
        secret.when_renewed(by_file.forget)
        yield Authenticating(by_file, {})
        return
    if auth.jwt_secret:
        shared = SharedSecret(auth.jwt_secret.get_secret_value().encode())
        yield Authenticating(TokenAuthentication(shared, rules, clock=clock, anonymous=anonymous), {})
        return
    import httpx  # noqa: PLC0415

    from travio_inventory.api.auth.issuer_keys import IssuerKeys  # noqa: PLC0415

    async with httpx.AsyncClient(follow_redirects=False) as client:
        keys = IssuerKeys(auth.jwt_jwks_url, client=client, clock=clock)
        jitter = Random()  # noqa: S311 - spreads waits, guards nothing
        jobs = {"keys of the issuer of tokens": partial(keys.keep_up, jitter=jitter)}
        yield Authenticating(TokenAuthentication(keys, rules, clock=clock, anonymous=anonymous), jobs)
