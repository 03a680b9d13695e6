"""Every setting is read, checked and listed; a wrong one stops the start with one line."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest
from pydantic import ValidationError

from travio_inventory import settings as module
from travio_inventory.settings import COMPONENTS, KEYS, Settings, SettingsError, listed, load_settings, names, shadowed
from verification.pages.architecture import PACKAGE
from verification.pages.settings_page import DOCUMENT, page

OTHER_VALUES = MappingProxyType(
    {
        "grpc_host": "127.0.0.1",
        "grpc_port": "9084",
        "grpc_reuse_port": "on",
        "tls_cert": __file__,
        "tls_key": __file__,
        "store": "memory",
        "edge": "absent",
        "environment": "development",
        "data": "/tmp/elsewhere",  # noqa: S108 - a value to read, nothing is written there
        "events": "none",
        "scylla_hosts": "db1,db2",
        "scylla_keyspace": "seats",
        "scylla_serial": "global",
        "scylla_datacenter": "dc1",
        "scylla_user": "seats",
        "scylla_password": "wordy",
        "scylla_tls": "on",
        "scylla_ca_file": __file__,
        "redis_addr": "cache:6379",
        "redis_user": "seats",
        "redis_password": "wordy",
        "redis_tls": "on",
        "redis_ca_file": __file__,
        "redis_reply_ms_max": "51",
        "unguarded_claims_max": "65",
        "hold_ttl_seconds": "601",
        "hold_ttl_seconds_max": "3601",
        "hold_total_seconds_max": "7201",
        "holds_per_holder_max": "4",
        "refusals": "legacy",
        "clock_bound_ms": "251",
        "attempt_grace_seconds": "11",
        "taken_ttl_ms": "1999",
        "map_stale_ms": "1999",
        "commits_in_flight_max": "999",
        "deadline_seconds": "11",
        "deadline_seconds_max": "61",
        "message_bytes_max": "65537",
        "admin_message_bytes_max": "4194305",
        "unread_bytes_max": "67108865",
        "calls_max": "4097",
        "connections_max": "4097",
        "streams_max": "257",
        "resets_per_second_max": "201",
        "idle_connection_seconds": "601",
        "drain_seconds": "11",
        "background": "off",
        "relay": "off",
        "sweep_interval_ms": "301",
        "relay_interval_ms": "201",
        "log_level": "DEBUG",
        "log_format": "json",
    }
)
TOGETHER = MappingProxyType(
    {
        "tls_cert": {"TRAVIO_TLS_KEY": __file__},
        "tls_key": {"TRAVIO_TLS_CERT": __file__},
        "scylla_hosts": {"TRAVIO_STORE": "embedded"},
        "scylla_user": {"TRAVIO_SCYLLA_PASSWORD": "word"},
        "scylla_password": {"TRAVIO_SCYLLA_USER": "seat"},
        "scylla_ca_file": {"TRAVIO_SCYLLA_TLS": "on"},
        "redis_addr": {"TRAVIO_EDGE": "local"},
        "redis_user": {"TRAVIO_REDIS_PASSWORD": "word"},
        "redis_ca_file": {"TRAVIO_REDIS_TLS": "on"},
    }
)
"""What must be set as well, by field."""


class Environment:
    """Sets variables for one test."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __setitem__(self, name: str, value: str) -> None:
        self._patch.setenv(name, value)

    def update(self, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            self[name] = value


@pytest.fixture
def environment() -> Iterator[Environment]:
    """None of our variables set."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TRAVIO_") or name in module.BARE_NAMES]:
            patch.delenv(name)
        yield Environment(patch)


def refused() -> str:
    """What the start is refused with."""
    with pytest.raises(SettingsError) as error:
        load_settings()
    said = str(error.value)
    assert len(said.splitlines()) == 1
    return said


def values(settings: Settings) -> dict[str, object]:
    """The value of each setting, by key."""
    return {
        key: getattr(getattr(settings, name), field)
        for name, component in COMPONENTS.items()
        for field, key in component.keys().items()
    }


def test_every_setting_has_another_value_here() -> None:
    assert set(OTHER_VALUES) == set(KEYS)
    assert len(KEYS) == len(set(KEYS))


@pytest.mark.parametrize(("key", "name"), [(key, name) for key in KEYS for name in names(key)])
def test_every_variable_changes_its_setting_and_no_other(key: str, name: str, environment: Environment) -> None:
    before = values(load_settings())
    together = TOGETHER.get(key, {})
    environment.update(together)
    environment[name] = OTHER_VALUES[key]
    after = values(load_settings())
    changed = {each for each in KEYS if before[each] != after[each]}
    assert key in changed
    assert {names(each)[0] for each in changed - {key}} <= set(together)
    assert [line.source for line in listed(load_settings()) if line.name == names(key)[0]] == [name]


def test_the_composition_root_uses_every_setting() -> None:
    modules = (PACKAGE / "app").rglob("*.py")
    used = {
        (named(node.value), node.attr)
        for module in modules
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert {(name, field) for name, component in COMPONENTS.items() for field in component.model_fields} - used == set()


def named(node: ast.expr) -> str:
    """The last name of what an attribute is of: `edge` of `edge.kind` and of `settings.edge.kind`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def test_the_prefixed_name_wins_over_the_bare_one(environment: Environment) -> None:
    environment.update({"GRPC_PORT": "1001", "TRAVIO_GRPC_PORT": "1002"})
    assert load_settings().server.port == 1002


def test_what_is_given_in_code_wins_over_the_environment(environment: Environment) -> None:
    environment["TRAVIO_GRPC_PORT"] = "1002"
    settings = load_settings(grpc_port=1003)
    assert settings.server.port == 1003
    assert next(line for line in listed(settings) if line.name == "TRAVIO_GRPC_PORT").source == "given"


@pytest.mark.parametrize(
    ("value", "host"), [("[::1]", "::1"), ("::1", "::1"), ("[0:0::]", "::"), ("localhost", "localhost")]
)
def test_a_host_may_be_in_brackets(value: str, host: str, environment: Environment) -> None:
    environment["TRAVIO_GRPC_HOST"] = value
    assert load_settings().server.host == host


def test_an_empty_variable_is_as_if_not_set(environment: Environment) -> None:
    environment.update({"GRPC_PORT": "", "SCYLLA_HOSTS": "", "TRAVIO_STORE": ""})
    settings = load_settings()
    assert (settings.server.port, settings.store.kind) == (9083, "embedded")


@pytest.mark.usefixtures("environment")
def test_settings_never_change() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.server.port = 1
    assert settings.server.port == 9083


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TRAVIO_GRPC_PORT": "70000"}, "TRAVIO_GRPC_PORT='70000' is wrong: allowed is a whole number from 0 to 65535"),
        ({"GRPC_PORT": "http"}, "GRPC_PORT='http' is wrong: allowed is a whole number from 0 to 65535"),
        ({"TRAVIO_BACKGROUND": "maybe"}, "TRAVIO_BACKGROUND='maybe' is wrong: allowed is on or off"),
        ({"REFUSALS": "old"}, "REFUSALS='old' is wrong: allowed is status or legacy"),
        ({"TRAVIO_STORE": "a\nb"}, "TRAVIO_STORE='a\\nb' is wrong: allowed is embedded or scylla or memory"),
        (
            {"SCYLLA_HOSTS": "db1:9042,db2:9043"},
            (
                "SCYLLA_HOSTS='db1:9042,db2:9043' names several ports, but a cluster has one: "
                "allowed is host,host or host:port,host:port"
            ),
        ),
        (
            {"REDIS_ADDR": "cache"},
            (
                "REDIS_ADDR='cache' is not an address: "
                "allowed is host:port, cluster:host:port,host:port or sentinel:host:port,host:port/name"
            ),
        ),
        (
            {"TRAVIO_SCYLLA_KEYSPACE": "Seats"},
            (
                "TRAVIO_SCYLLA_KEYSPACE='Seats' is not the name of a keyspace: "
                "allowed is lower-case letters, digits and _, a letter first, 48 at most"
            ),
        ),
        (
            {"TRAVIO_SCYLLA_USER": "seats"},
            "TRAVIO_SCYLLA_USER='seats' and TRAVIO_SCYLLA_PASSWORD='': set both or neither",
        ),
        (
            {"TRAVIO_SCYLLA_PASSWORD": "secret"},
            "TRAVIO_SCYLLA_USER='' and TRAVIO_SCYLLA_PASSWORD='**********': set both or neither",
        ),
        (
            {"TRAVIO_SCYLLA_DATACENTER": "dc1", "TRAVIO_SCYLLA_SERIAL": "global"},
            "TRAVIO_SCYLLA_DATACENTER='dc1': with TRAVIO_SCYLLA_SERIAL=global no datacenter is home",
        ),
        ({"TRAVIO_REDIS_USER": "seats"}, "TRAVIO_REDIS_USER='seats' needs TRAVIO_REDIS_PASSWORD"),
        (
            {"TRAVIO_REDIS_CA_FILE": __file__},
            f"TRAVIO_REDIS_CA_FILE={__file__!r} needs TRAVIO_REDIS_TLS=on",
        ),
        (
            {"TRAVIO_TLS_CERT": "/no/such/file", "TRAVIO_TLS_KEY": __file__},
            "TRAVIO_TLS_CERT='/no/such/file' is wrong: allowed is the path of an existing file",
        ),
        (
            {"TRAVIO_TLS_CERT": __file__},
            f"TRAVIO_TLS_CERT={__file__!r} and TRAVIO_TLS_KEY='': set both or neither",
        ),
        ({"HOLD_TTL_SECONDS": "3601"}, "HOLD_TTL_SECONDS=3601 must be at most TRAVIO_HOLD_TTL_SECONDS_MAX=3600"),
        (
            {"TRAVIO_DEADLINE_SECONDS": "90"},
            "TRAVIO_DEADLINE_SECONDS=90 must be at most TRAVIO_DEADLINE_SECONDS_MAX=60",
        ),
        (
            {"TRAVIO_HOLD_TTL": "60"},
            "TRAVIO_HOLD_TTL: no such setting; did you mean TRAVIO_HOLD_TTL_SECONDS?",
        ),
        (
            {"TRAVIO_FOO": "1"},
            "TRAVIO_FOO: no such setting; `travio-inventory settings` lists all of them",
        ),
        (
            {"TRAVIO_WORKERS": "off"},
            "TRAVIO_WORKERS: no such setting; its new name is TRAVIO_BACKGROUND",
        ),
        ({"travio_data": "x"}, "travio_data: no such setting; did you mean TRAVIO_DATA?"),
        (
            {"TRAVIO_GRPC_PORT": "x", "TRAVIO_EVENTS": "y"},
            (
                "TRAVIO_GRPC_PORT='x' is wrong: allowed is a whole number from 0 to 65535; "
                "TRAVIO_EVENTS='y' is wrong: allowed is "
                "none, or json-lines, or several as NAME=json-lines:FILE,NAME=json-lines:FILE"
            ),
        ),
    ],
)
def test_one_line_names_the_variable_its_value_and_what_is_allowed(
    variables: dict[str, str], said: str, environment: Environment
) -> None:
    environment.update(variables)
    assert refused() == said


@pytest.mark.parametrize(
    ("variable", "value", "field", "chosen"),
    [("SCYLLA_HOSTS", "db1", "store", "scylla"), ("REDIS_ADDR", "cache:6379", "edge", "redis")],
)
def test_an_address_chooses_its_backend_unless_another_is_named(
    variable: str, value: str, field: str, chosen: str, environment: Environment
) -> None:
    environment[variable] = value
    settings = load_settings()
    assert values(settings)[field] == chosen
    (line,) = [line for line in listed(settings) if line.name == names(field)[0]]
    assert (line.value, line.source) == (chosen, variable)
    environment[names(field)[0]] = "memory" if field == "store" else "absent"
    assert values(load_settings())[field] in {"memory", "absent"}


@pytest.mark.parametrize(
    "address", ["redis://user:secret@cache:6379", "user:secret@cache", "redis://u:a/secret@b@cache", "secret\n@cache"]
)
def test_a_password_in_an_address_is_shown_nowhere(address: str, environment: Environment) -> None:
    for variable in ("REDIS_ADDR", "SCYLLA_HOSTS"):
        environment[variable] = address
    assert "secret" not in refused()


def test_a_password_is_not_shown(environment: Environment) -> None:
    environment.update({"TRAVIO_REDIS_PASSWORD": "secret"})
    settings = load_settings()
    assert settings.redis.password.get_secret_value() == "secret"
    assert "secret" not in str(listed(settings)) + repr(settings)


def test_a_password_that_nobody_reads_is_not_shown(environment: Environment) -> None:
    environment.update({"TRAVIO_REDIS_PASWORD": "secret"})
    said = refused()
    assert said.startswith("TRAVIO_REDIS_PASWORD: no such setting")
    assert "secret" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRAVIO_TEST_SEEDS", "7"),
        ("TRAVIO_TARGET", "elsewhere:9083"),
        ("TRAVIO_TARGET_TLS", "on"),
        ("TRAVIO_TARGET_CA_FILE", "ca.pem"),
        ("TRAVIO_INVENTORY_SERVICE_HOST", "10.0.0.1"),
        ("TRAVIO_SERVICE_HOST", "fd00::1"),
        ("TRAVIO_SERVICE_PORT", "9083"),
        ("TRAVIO_SERVICE_PORT_GRPC", "9083"),
        ("TRAVIO_PORT", "tcp://10.0.0.1:9083"),
        ("TRAVIO_PORT", "tcp://[fd00::1]:9083"),
        ("TRAVIO_PORT_9083_TCP", "tcp://10.0.0.1:9083"),
        ("TRAVIO_PORT_9083_TCP_PROTO", "tcp"),
        ("TRAVIO_PORT_9083_TCP_PORT", "9083"),
        ("TRAVIO_PORT_9083_TCP_ADDR", "10.0.0.1"),
        ("TRAVIO_PORT_9083_SCTP", "sctp://10.0.0.1:9083"),
        ("TRAVIO_GRPC_PORT", "tcp://10.0.0.1:9083"),
        ("TRAVIO_GRPC_REUSE_PORT", "udp://10.0.0.1:9083"),
        ("GRPC_PORT", "tcp://10.0.0.1:9083"),
        ("TRAVIO_GRPC_SERVICE_HOST", "10.0.0.1"),
        ("TRAVIO_INVENTORY_SERVICE_PORT_GRPC", "9083"),
        ("TRAVIO_INVENTORY_PORT", "tcp://10.0.0.1:9083"),
        ("TRAVIO_INVENTORY_PORT_9083_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_what_is_set_for_others_is_let_be(name: str, value: str, environment: Environment) -> None:
    environment[name] = value
    assert load_settings() == Settings()


def test_a_setting_is_read_though_a_service_has_its_other_name(environment: Environment) -> None:
    environment.update({"TRAVIO_GRPC_PORT": "tcp://10.0.0.1:9083", "GRPC_PORT": "9090"})
    settings = load_settings()
    assert settings.server.port == 9090
    assert [line.source for line in listed(settings) if line.name == "TRAVIO_GRPC_PORT"] == ["GRPC_PORT"]
    assert shadowed() == {"TRAVIO_GRPC_PORT": "tcp://10.0.0.1:9083"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRAVIO_GRPC_PORT", "tcp://"),
        ("TRAVIO_GRPC_PORT", "http://10.0.0.1:9083"),
        ("TRAVIO_GRPCPORT", "9083"),
        ("TRAVIO_SERVICE_HOST", "a host"),
        ("TRAVIO_SERVICE_PORT", "some"),
        ("TRAVIO_SCYLLA_HOST", "tcp://10.0.0.1:9042"),
        ("TRAVIO_SCYLLA_HOSTS", "tcp://10.0.0.1:9042"),
    ],
)
def test_what_only_resembles_a_service_is_a_wrong_setting(name: str, value: str, environment: Environment) -> None:
    environment[name] = value
    assert refused().startswith(f"{name}")


@pytest.mark.usefixtures("environment")
def test_every_setting_is_listed_with_a_description() -> None:
    lines = listed(load_settings())
    assert [line.name for line in lines] == [names(key)[0] for key in KEYS]
    assert [line.name for line in lines if not line.description or "\n" in line.description] == []
    assert {line.source for line in lines} == {"default"}
    assert [line.name for line in lines if not line.value and "unset" not in line.description] == []
    assert [line.value for line in lines] == [line.default for line in lines]
    assert [(line.name, line.also) for line in lines if line.also] == [
        (f"TRAVIO_{name}", name) for name in (line.also for line in lines) if name
    ]
    assert {line.also for line in lines} - {""} == module.BARE_NAMES


def test_every_default_is_one_that_may_be_set(environment: Environment) -> None:
    before = values(load_settings())
    for line in listed(load_settings()):
        if line.default and line.name not in {"TRAVIO_SCYLLA_HOSTS", "TRAVIO_REDIS_ADDR"}:
            environment[line.name] = line.default
    assert {line.source for line in listed(load_settings())} > {"default"}
    assert values(load_settings()) == before


def test_nothing_is_imported_that_makes_a_start_slow(tmp_path: Path) -> None:
    code = "import json, sys, travio_inventory.settings; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=tmp_path)
    assert {"rich", "cyclopts", "grpclib"} & set(json.loads(run.stdout)) == set()


def test_the_document_says_what_every_setting_does() -> None:
    assert DOCUMENT.read_text() == page(), "run `make docs`"
    assert all(setting.description and setting.allowed for setting in listed(load_settings()))
