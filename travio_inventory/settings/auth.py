"""Who may call: how callers are authenticated, and what those see who are not."""

from collections.abc import Iterator
from ipaddress import ip_address
from types import MappingProxyType
from typing import Literal

from pydantic import FilePath, SecretStr, field_validator

from travio_inventory.api.auth.certificates import FORM, parse_callers
from travio_inventory.kernel.addresses import parse_web_address
from travio_inventory.settings.component import Component, setting
from travio_inventory.settings.environment import names

SECRET_BYTES_MIN = 32
JWT = ("jwt_secret", "jwt_secret_file", "jwt_jwks_url", "jwt_issuer", "jwt_audience")
MTLS = ("mtls_ca_file", "mtls_callers")


class AuthSettings(Component):
    """Authentication."""

    forms = MappingProxyType(
        {
            "jwt_secret": f"a text of at least {SECRET_BYTES_MIN} bytes",
            "jwt_jwks_url": "an address with https://; http:// only on this machine",
            "mtls_callers": FORM,
        }
    )

    kind: Literal["jwt", "mtls", "off"] = setting(
        "AUTH",
        "off",
        "who may call: jwt = who has a token of TRAVIO_JWT_ISSUER; mtls = services with a client certificate of "
        "TRAVIO_MTLS_CA_FILE; off = anybody, for anybody. To serve in production it must be set",
    )
    anonymous: Literal["off", "read"] = setting(
        "AUTH_ANONYMOUS",
        "off",
        "what callers see who show nothing: read = seat maps, availability and live feeds; off = nothing",
    )
    jwt_secret: SecretStr = setting(
        "JWT_SECRET", SecretStr(""), "secret that signs tokens (HS256); unset = keys of TRAVIO_JWT_JWKS_URL"
    )
    jwt_secret_file: FilePath | None = setting(
        "JWT_SECRET_FILE", None, "file whose first line is that secret, read again when it changes; unset = no file"
    )
    jwt_jwks_url: str = setting(
        "JWT_JWKS_URL",
        "",
        "where the issuer publishes its keys (RS256, ES256, EdDSA); unset = TRAVIO_JWT_SECRET",
    )
    jwt_issuer: str = setting("JWT_ISSUER", "", "iss of the tokens; unset only without jwt")
    jwt_audience: str = setting("JWT_AUDIENCE", "", "aud of the tokens; unset only without jwt")
    jwt_organization_claim: str = setting("JWT_ORGANIZATION_CLAIM", "org", "claim that names the organization")
    jwt_leeway_seconds: int = setting(
        "JWT_LEEWAY_SECONDS", 10, "how far the clocks of issuer and service may differ", ge=0, le=60
    )
    mtls_ca_file: FilePath | None = setting(
        "MTLS_CA_FILE", None, "CA certificates that sign those of callers (PEM); unset only without mtls"
    )
    mtls_callers: str = setting(
        "MTLS_CALLERS",
        "",
        "names in certificates (DNS, URI, else CN), each with its organization and scopes; without scopes read hold "
        "confirm delegate; unset only without mtls",
    )

    @field_validator("jwt_jwks_url")
    @classmethod
    def _cannot_be_forged_on_the_way(cls, value: str) -> str:
        if not value:
            return value
        parts = parse_web_address(value)
        if parts.username is not None:
            raise ValueError("has a user, but keys are public")
        if parts.scheme != "https" and not _is_here(str(parts.hostname)):
            raise ValueError("is no such address")
        return value

    @field_validator("mtls_callers")
    @classmethod
    def _names_callers(cls, value: str) -> str:
        parse_callers(value)
        return value

    def incomplete(self) -> Iterator[str]:
        """Each kind needs its own settings, and none of another kind: they would be ignored silently."""
        yield from self._only_with("jwt", JWT)
        yield from self._only_with("mtls", MTLS)
        if self.kind == "off" and self.anonymous == "read":
            yield f"{self.said('anonymous')} needs {names('auth')[0]}=jwt or mtls"
        if self.kind == "jwt":
            yield from self._of_tokens()
        if self.kind == "mtls" and not (self.mtls_ca_file and self.mtls_callers):
            yield f"{self.said('kind')} needs {' and '.join(names(field)[0] for field in MTLS)}"

    def _only_with(self, kind: str, fields: tuple[str, ...]) -> Iterator[str]:
        for field in fields:
            if self.kind != kind and getattr(self, field):
                yield f"{self.said(field)} needs {names('auth')[0]}={kind}"

    def _of_tokens(self) -> Iterator[str]:
        sources = ("jwt_secret", "jwt_secret_file", "jwt_jwks_url")
        if sum(bool(getattr(self, field)) for field in sources) != 1:
            yield f"{self.said('kind')} needs one of {', '.join(names(field)[0] for field in sources)}"
        elif self.jwt_secret and len(self.jwt_secret.get_secret_value().encode()) < SECRET_BYTES_MIN:
            yield f"{self.said('jwt_secret')} is too short: allowed is {self.allowed('jwt_secret')}"
        for field in ("jwt_issuer", "jwt_audience"):
            if not getattr(self, field):
                yield f"{self.said('kind')} needs {names(field)[0]}"


def _is_here(host: str) -> bool:
    """Whether nobody else's machine is on the way."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
