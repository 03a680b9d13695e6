"""What an operator can set: read once from the environment, checked as a whole, never changed."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args, get_origin

from pydantic import (
    AliasChoices,
    AliasGenerator,
    Field,
    FilePath,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from travio_inventory.edge.redis_options import FORMS as REDIS_FORMS
from travio_inventory.edge.redis_options import parse_redis_address
from travio_inventory.kernel.addresses import plain_host
from travio_inventory.store.addresses import FORMS as SCYLLA_FORMS
from travio_inventory.store.addresses import KEYSPACE, parse_cluster

PREFIX = "TRAVIO_"
BARE_NAMES = {"GRPC_PORT", "SCYLLA_HOSTS", "REDIS_ADDR", "HOLD_TTL_SECONDS", "REFUSALS"}
"""Accepted as they are as well; where both are set, the prefixed name wins."""
TEST_PREFIX = "TRAVIO_TEST_"
CLIENT_NAMES = {
    "TRAVIO_TARGET", "TRAVIO_TARGET_TLS", "TRAVIO_TARGET_CA_FILE", "TRAVIO_ORGANIZATION", "TRAVIO_USER",
}  # fmt: skip
"""Not settings of the service: whom the command line calls, and on whose behalf."""
SHOWN_CHARS_MAX = 120

_CHOSEN_BY = {"store": ("scylla_hosts", "scylla"), "edge": ("redis_addr", "redis")}
"""An address chooses its backend, unless another one is named: better than to run on another one in silence."""
_FORMS = {
    "scylla_hosts": SCYLLA_FORMS,
    "redis_addr": REDIS_FORMS,
    "scylla_keyspace": "small letters, digits and _, a letter first, 48 at most",
}
_IN_ORDER = (
    ("hold_ttl_seconds", "hold_ttl_seconds_max"),
    ("hold_ttl_seconds_max", "hold_total_seconds_max"),
    ("deadline_seconds", "deadline_seconds_max"),
    ("message_bytes_max", "admin_message_bytes_max"),
    ("admin_message_bytes_max", "unread_bytes_max"),
)
_LINK_FORMS = (
    (re.compile(r"(\w+_)?PORT(_\d+_(TCP|UDP|SCTP))?"), re.compile(r"(tcp|udp|sctp)://\S+:\d+")),
    (re.compile(r"(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_PROTO"), re.compile(r"tcp|udp|sctp")),
    (re.compile(r"(\w+_)?(SERVICE_HOST|PORT_\d+_(TCP|UDP|SCTP)_ADDR)"), re.compile(r"[0-9a-fA-F.:]+")),
    (re.compile(r"(\w+_)?(SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)_PORT)"), re.compile(r"\d+")),
)
"""Names, and the values under them, that Kubernetes gives every container for each Service, and Docker for links."""


class SettingsError(Exception):
    """A setting is wrong; the message is one line that names it, its value and what is allowed."""


def names(field: str) -> tuple[str, ...]:
    """The variables that set the field, the one that wins first."""
    bare = field.upper()
    return (PREFIX + bare, bare) if bare in BARE_NAMES else (PREFIX + bare,)


def _setting(default: object, description: str, *, ge: int | None = None, le: int | None = None) -> Any:  # noqa: ANN401 - stands for a value of the field's own type, as pydantic's Field does
    return Field(default=default, description=description, ge=ge, le=le)


class _Environment(EnvSettingsSource):
    """The environment without the variables that describe others' services."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        ours = _variables()
        self.env_vars = {name: value for name, value in self.env_vars.items() if name in ours}


class Settings(BaseSettings):
    """Every setting. Read it with `load_settings`, which names what is wrong in one line."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        case_sensitive=True,
        env_ignore_empty=True,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
        alias_generator=AliasGenerator(validation_alias=lambda field: AliasChoices(*names(field))),
    )

    # where it listens
    grpc_host: str = _setting("0.0.0.0", "address to listen on; :: is every address, of IPv6 and IPv4")  # noqa: S104 - callers are on other machines; TRAVIO_GRPC_HOST narrows it
    grpc_port: int = _setting(9083, "port to listen on; 0 takes a free one", ge=0, le=65_535)
    grpc_reuse_port: bool = _setting(False, "whether other processes of this machine may listen on the port as well")
    tls_cert: FilePath | None = _setting(None, "certificate chain (PEM), to serve TLS only; unset = no TLS")
    tls_key: FilePath | None = _setting(None, "private key of the certificate (PEM); unset = no TLS")

    # what it keeps, and where
    store: Literal["embedded", "scylla", "memory"] = _setting(
        "embedded",
        "the record: embedded = SQLite in TRAVIO_DATA; scylla = the cluster at SCYLLA_HOSTS, which chooses it; "
        "memory = gone with the process",
    )
    edge: Literal["local", "redis", "absent"] = _setting(
        "local",
        "what turns contenders away and serves seat maps: local = within the process; redis = REDIS_ADDR, which "
        "chooses it; absent = nothing",
    )
    environment: Literal["production", "development"] = _setting(
        "production", "development allows a scylla store that keeps fewer than three copies"
    )
    data: Path = _setting(
        Path("./data"), "folder of the embedded store, which no other process may use, and of events.jsonl"
    )
    events: Literal["jsonlines", "none"] = _setting(
        "jsonlines", "where events go: jsonlines = events.jsonl in TRAVIO_DATA; none = nowhere, now or later"
    )

    # the scylla store
    scylla_hosts: str = _setting("localhost", "some of the servers: host,host or host:port,host:port")
    scylla_keyspace: str = _setting("travio_inventory", "keyspace; `travio-inventory schema apply` makes it")
    scylla_serial: Literal["home", "global"] = _setting(
        "home",
        "whose copies decide, one answer for all: home = those of TRAVIO_SCYLLA_DATACENTER; global = those of all "
        "datacenters together, at a round trip between them for each step",
    )
    scylla_datacenter: str = _setting(
        "", "home datacenter, whose copies decide; unset = the only one that has copies of the keyspace"
    )
    scylla_user: str = _setting("", "user; unset = without authentication")
    scylla_password: SecretStr = _setting(SecretStr(""), "password of the user; unset = without authentication")
    scylla_tls: bool = _setting(False, "whether to connect with TLS")
    scylla_ca_file: FilePath | None = _setting(None, "who signed the servers' certificates (PEM); unset = the system's")

    # the redis edge
    redis_addr: str = _setting("localhost:6379", f"where it is: {REDIS_FORMS}")
    redis_user: str = _setting("", "user; unset = the default user")
    redis_password: SecretStr = _setting(SecretStr(""), "password; unset = without authentication")
    redis_tls: bool = _setting(False, "whether to connect with TLS")
    redis_ca_file: FilePath | None = _setting(None, "who signed the servers' certificates (PEM); unset = the system's")
    redis_reply_ms_max: int = _setting(50, "how long an answer is waited for before going on without", ge=1, le=5_000)
    unguarded_claims_max: int = _setting(
        64, "claims that one process lets pass at once while redis is away", ge=1, le=100_000
    )

    # holds
    hold_ttl_seconds: int = _setting(600, "how long a hold lasts where the caller does not say", ge=1, le=86_400)
    hold_ttl_seconds_max: int = _setting(3_600, "how long a caller may ask for", ge=1, le=86_400)
    hold_total_seconds_max: int = _setting(7_200, "how long a hold may last with all extensions", ge=1, le=604_800)
    holds_per_holder_max: int = _setting(0, "live holds that a holder may have; 0 = any number", ge=0, le=100)
    refusals: Literal["status", "legacy"] = _setting(
        "status", "how a no is answered: status = gRPC status with details; legacy = OK with success=false"
    )

    # the hold protocol: all processes on one store must agree on these
    clock_bound_ms: int = _setting(250, "how far the clocks of two machines may be apart", ge=0, le=60_000)
    attempt_grace_seconds: int = _setting(10, "how long one attempt may take before others may undo it", ge=1, le=60)

    # the edge
    taken_ttl_ms: int = _setting(2_000, "how long a seat is remembered as taken", ge=0, le=2_000)
    map_stale_ms: int = _setting(2_000, "how old a cached seat map may be", ge=0, le=10_000)

    # limits
    commits_in_flight_max: int = _setting(1_000, "steps that commit at once; others wait for a turn", ge=1, le=100_000)
    deadline_seconds: int = _setting(10, "deadline of a call that names none", ge=1, le=600)
    deadline_seconds_max: int = _setting(60, "longest deadline that a call is given", ge=1, le=600)
    message_bytes_max: int = _setting(65_536, "largest request", ge=1_024, le=16_777_216)
    admin_message_bytes_max: int = _setting(
        4_194_304, "largest request that opens or updates a trip", ge=1_024, le=67_108_864
    )
    unread_bytes_max: int = _setting(
        67_108_864, "all requests together that are still arriving", ge=65_536, le=1_073_741_824
    )
    calls_max: int = _setting(8_192, "calls at once on all connections", ge=1, le=1_000_000)
    connections_max: int = _setting(4_096, "open connections", ge=1, le=100_000)
    streams_max: int = _setting(256, "calls at once on one connection", ge=1, le=10_000)
    resets_per_second_max: int = _setting(200, "calls that one connection may cancel per second", ge=1, le=100_000)
    idle_connection_seconds: int = _setting(600, "after which a connection without a call is closed", ge=1, le=86_400)
    drain_seconds: int = _setting(
        10, "how long running calls, then their steps, may take when the service stops", ge=1, le=600
    )

    # what goes on by itself
    workers: bool = _setting(True, "whether serve also runs the sweeper and the relay of events")
    relay: bool = _setting(True, "whether the workers relay events: off where another process on the store does")
    sweep_interval_ms: int = _setting(300, "between two rounds that end lapsed holds", ge=10, le=60_000)
    relay_interval_ms: int = _setting(500, "between two rounds that publish events", ge=10, le=60_000)

    # what it says
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _setting("INFO", "least severe lines to log")
    log_format: Literal["text", "json"] = _setting("text", "form of a log line, on standard error")

    _given: frozenset[str] = PrivateAttr(default=frozenset())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in code, then the environment; no files."""
        return init_settings, _Environment(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _choose_by_address(cls, given: dict[str, object]) -> dict[str, object]:
        chosen = {
            field: backend
            for field, (address, backend) in _CHOSEN_BY.items()
            if _is_given(address, given) and not _is_given(field, given)
        }
        return given | chosen

    @field_validator("grpc_host")
    @classmethod
    def _without_brackets(cls, value: str) -> str:
        return plain_host(value)

    @field_validator("scylla_hosts")
    @classmethod
    def _names_a_cluster(cls, value: str) -> str:
        parse_cluster(value)
        return value

    @field_validator("redis_addr")
    @classmethod
    def _names_a_redis(cls, value: str) -> str:
        parse_redis_address(value)
        return value

    @field_validator("scylla_keyspace")
    @classmethod
    def _names_a_keyspace(cls, value: str) -> str:
        if not KEYSPACE.fullmatch(value):
            raise ValueError("is no name of a keyspace")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """What no field can know alone."""
        if wrong := [*self._out_of_order(), *self._incomplete()]:
            raise ValueError("; ".join(wrong))
        return self

    def _out_of_order(self) -> Iterator[str]:
        for least, most in _IN_ORDER:
            if getattr(self, least) > getattr(self, most):
                yield f"{self._said(least)} must be at most {self._said(most)}"

    def _incomplete(self) -> Iterator[str]:
        """What makes sense only with something else."""
        if (self.tls_cert is None) != (self.tls_key is None):
            yield f"{self._said('tls_cert')} and {self._said('tls_key')}: set both or neither"
        if bool(self.scylla_user) != bool(self.scylla_password):
            yield f"{self._said('scylla_user')} and {self._said('scylla_password')}: set both or neither"
        if self.scylla_datacenter and self.scylla_serial == "global":
            yield f"{self._said('scylla_datacenter')}: with {names('scylla_serial')[0]}=global no datacenter is home"
        if self.redis_user and not self.redis_password:
            yield f"{self._said('redis_user')} needs {names('redis_password')[0]}"
        for tls, ca_file in (("scylla_tls", "scylla_ca_file"), ("redis_tls", "redis_ca_file")):
            if getattr(self, ca_file) and not getattr(self, tls):
                yield f"{self._said(ca_file)} needs {names(tls)[0]}=on"

    def _said(self, field: str) -> str:
        return f"{_name_used(field)}={_shown(getattr(self, field))}"


class Setting(NamedTuple):
    """One setting as it stands, in words. `source`: its variable, "default", or "given" in code."""

    name: str
    also: str
    value: str
    default: str
    allowed: str
    source: str
    description: str


def load_settings(**given: object) -> Settings:
    """The settings of this process; what is given by field name wins over the environment.

    Raises SettingsError, which says all that is wrong on one line.
    """
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # checked by pydantic, as all values are
    except ValidationError as failed:
        wrong = list(dict.fromkeys(_wrong(error, given) for error in failed.errors()))
    else:
        settings._given = frozenset(given)
        wrong = []
    wrong += _unknown_variables()
    if wrong:
        raise SettingsError("; ".join(wrong))
    return settings


def listed(settings: Settings) -> Sequence[Setting]:
    """Every setting, in the order of the model. A password within an address is masked."""
    return [_listed(settings, field, info) for field, info in Settings.model_fields.items()]


def shadowed() -> Mapping[str, str]:
    """Variables that have the name of a setting and describe another service, so that nobody reads them."""
    ours = {name for field in Settings.model_fields for name in names(field)}
    return {name: value for name, value in os.environ.items() if name in ours and _is_service_link(name, value)}


def _variables() -> Mapping[str, str]:
    """The environment without what describes others' services."""
    return {name: value for name, value in os.environ.items() if not _is_service_link(name, value)}


def _is_service_link(name: str, value: str) -> bool:
    """Whether Kubernetes or Docker set the variable. TRAVIO_GRPC_PORT is of a Service called "travio-grpc" as well."""
    return any(named.fullmatch(name) and valued.fullmatch(value) for named, valued in _LINK_FORMS)


def masked(address: str) -> str:
    """The address without the user and password before its last @."""
    return re.sub(r"(://|^).*@", r"\1***@", address, count=1, flags=re.DOTALL)


def _listed(settings: Settings, field: str, info: FieldInfo) -> Setting:
    name, *also = names(field)
    if field in settings._given:
        source = "given"
    else:
        source = _name_used(_decided_by(field)) if field in settings.model_fields_set else "default"
    return Setting(
        name=name,
        also=", ".join(also),
        value=_plain(getattr(settings, field)),
        default=_plain(info.default),
        allowed=_allowed(field, info),
        source=source,
        description=info.description or "",
    )


def _decided_by(field: str) -> str:
    """The setting that decides this one: itself, or the address that chooses it."""
    address, _ = _CHOSEN_BY.get(field, (field, ""))
    return field if _name_used(field) in _variables() else address


def _is_given(field: str, given: Mapping[str, object]) -> bool:
    return any(name in given for name in (field, *names(field)))


def _name_used(field: str) -> str:
    """The variable that sets the field now; where none does, the one that would win."""
    variables = _variables()
    return next((name for name in names(field) if variables.get(name)), names(field)[0])


def _wrong(error: Any, given: dict[str, object]) -> str:  # noqa: ANN401 - pydantic's own
    """What to say of one of pydantic's errors."""
    said = str(error.get("ctx", {}).get("error", ""))
    if not error["loc"]:
        return said
    named = str(error["loc"][0])
    field = next((field for field in Settings.model_fields if named in (field, *names(field))), None)
    if field is None:
        return f"{named}: there is no such setting"
    name, value = (field, given[field]) if field in given else (_name_used(field), os.environ.get(_name_used(field)))
    return f"{name}={_shown(value)} {said or 'is wrong'}: allowed is {_allowed(field, Settings.model_fields[field])}"


def _unknown_variables() -> Iterator[str]:
    """A misspelt setting must not be passed over.

    The value is not said: it may be a password that somebody hoped we would read.
    """
    known = CLIENT_NAMES | {name for field in Settings.model_fields for name in names(field)}
    for name in sorted(_variables()):
        if not name.upper().startswith(PREFIX) or name in known or name.startswith(TEST_PREFIX):
            continue
        close = _like(name.upper(), known)
        index_entry = f"did you mean {close}?" if close else "`travio-inventory settings` lists those there are"
        yield f"{_one_line(name)}: there is no such setting; {index_entry}"


def _like(name: str, known: Iterable[str]) -> str:
    """The known name that is meant, "" where none is like it. What all of them begin with makes none like another."""
    bare = {each.removeprefix(PREFIX): each for each in known if each.startswith(PREFIX)}
    close = get_close_matches(name.removeprefix(PREFIX), bare, n=1)
    return bare[close[0]] if close else ""


def _allowed(field: str, info: FieldInfo) -> str:
    """What the field takes, in words."""
    if field in _FORMS:
        return _FORMS[field]
    if get_origin(info.annotation) is Literal:
        return " or ".join(get_args(info.annotation))
    if info.annotation is bool:
        return "on or off"
    if info.annotation is int:
        least = next(bound.ge for bound in info.metadata if hasattr(bound, "ge"))
        most = next(bound.le for bound in info.metadata if hasattr(bound, "le"))
        return f"a whole number from {least} to {most}"
    if info.annotation in (str, SecretStr):
        return "any text"
    return "a path" if info.annotation is Path else "the path of a file that is there"


def _shown(value: object) -> str:
    """The value on one line, in quotes where they help."""
    return _one_line(_plain(value)) if isinstance(value, int) else repr(_plain(value))


def _plain(value: object) -> str:
    """The value as one would write it, without a password, not longer than a line."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return ""
    text = masked(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "..."


def _one_line(text: str) -> str:
    return text.encode("unicode_escape").decode()
