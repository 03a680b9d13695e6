"""Every setting is read, checked and listed."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest
from pydantic import ValidationError

from tests.settings.conftest import Environment
from tests.settings.reading import values
from travio_inventory import settings as module
from travio_inventory.settings import COMPONENTS, KEYS, SettingsError, listed, load_settings, names
from verification.pages.architecture import PACKAGE
from verification.pages.settings_page import DOCUMENT, page

OTHER_VALUES = MappingProxyType(
    {
        "grpc_host": "127.0.0.1",
        "grpc_port": "9084",
        "grpc_reuse_port": "on",
        "http_host": "127.0.0.1",
        "http_port": "off",
        "http_reuse_port": "on",
        "http_connections_max": "16385",
        "http_idle_connection_seconds": "76",
        "http_unsent_bytes_max": "67108865",
        "cors_origin": "https://shop.example",
        "connect": "off",
        "tls_cert": __file__,
        "tls_key": __file__,
        "auth": "jwt",
        "auth_anonymous": "read",
        "jwt_secret": "a secret of thirty-two bytes, and more",
        "jwt_secret_file": __file__,
        "jwt_jwks_url": "https://login.example/keys",
        "jwt_issuer": "https://login.example",
        "jwt_audience": "seats",
        "jwt_organization_claim": "tenant",
        "jwt_leeway_seconds": "11",
        "mtls_ca_file": __file__,
        "requests_per_holder_max": "10",
        "requests_per_organization_max": "1000",
        "requests_per_address_max": "100",
        "request_burst_seconds": "6",
        "trusted_hops": "1",
        "mtls_callers": "shop.example=acme",
        "store": "memory",
        "edge": "absent",
        "environment": "development",
        "data": "/tmp/elsewhere",  # noqa: S108 - only a value, nothing is written there
        "events": "none",
        "scylla_hosts": "db1,db2",
        "scylla_keyspace": "seats",
        "scylla_serial": "global",
        "scylla_datacenter": "dc1",
        "group_commit_max": "8",
        "scylla_user": "seats",
        "scylla_password": "wordy",
        "scylla_tls": "on",
        "scylla_ca_file": __file__,
        "redis_addr": "cache:6379",
        "redis_user": "seats",
        "redis_password_file": __file__,
        "scylla_password_file": __file__,
        "redis_password": "wordy",
        "redis_tls": "on",
        "redis_ca_file": __file__,
        "redis_reply_ms_max": "51",
        "unguarded_claims_max": "65",
        "hold_ttl_seconds": "601",
        "hold_ttl_seconds_max": "3601",
        "hold_total_seconds_max": "7201",
        "holds_per_holder_max": "4",
        "hold_seats_max": "9",
        "hold_cells_max": "999",
        "trip_seats_max": "99999",
        "trip_cells_max": "1999999",
        "trip_segments_max": "511",
        "ambiguous_journeys": "nearest",
        "sell_departed": "true",
        "stock": "off",
        "stock_approval_above": "100,acme=20",
        "stock_automatic_orders_seconds": "60",
        "stock_allocation": "cost,region",
        "kafka_brokers": "kafka-1:9092,kafka-2:9092",
        "kafka_group_id": "shop",
        "kafka_topic_inventory_events": "stock",
        "kafka_topic_order_events": "orders",
        "stock_parcel_costs": "north=450,south=390",
        "stock_parcel_cost_per_km": "2",
        "trip_change_seconds": "11",
        "event_retention_seconds": "604801",
        "dead_letter_retention_seconds": "86401",
        "dead_letters_max": "11",
        "events_in": "kafka://broker",
        "event_in_retention_seconds": "604802",
        "events_in_seat_plan": "coach",
        "events_in_organizations": "acme",
        "events_in_organization": "acme",
        "hold_retention_seconds": "86401",
        "idempotency_retention_seconds": "86402",
        "trip_retention_seconds": "864000",
        "deed_retention_seconds": "8640000",
        "trip_archive": "/archive",
        "refusals": "legacy",
        "server": "grpclib",
        "loop": "uvloop",
        "default_organization": "acme",
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
        "watching_calls_max": "4098",
        "connections_max": "4097",
        "streams_max": "257",
        "resets_per_second_max": "201",
        "idle_connection_seconds": "601",
        "drain_seconds": "11",
        "background": "off",
        "relay": "off",
        "sweep_interval_ms": "301",
        "relay_interval_ms": "201",
        "audit_seconds": "3600",
        "log_level": "DEBUG",
        "log_format": "json",
        "worker": "3",
        "traces": "otlp",
        "otel_exporter_otlp_endpoint": "http://collector:4318",
        "otel_service_name": "seats",
        "otel_traces_sampler": "always_on",
        "otel_traces_sampler_arg": "0.5",
        "metrics_host": "127.0.0.1",
        "metrics_port": "9091",
        "metrics_socket": "/run/travio/one",
        "watched_trips": "acme/t1,acme/t2",
        "watch_seconds": "16",
    }
)
WITH_TOKENS = {"TRAVIO_AUTH": "jwt", "TRAVIO_JWT_ISSUER": "https://login", "TRAVIO_JWT_AUDIENCE": "tickets"}
SECRET = {"TRAVIO_JWT_SECRET": "another secret of thirty-two bytes"}
CALLERS = {"TRAVIO_AUTH": "mtls", "TRAVIO_MTLS_CALLERS": "a=b"}
TOGETHER = MappingProxyType(
    {
        "auth": WITH_TOKENS | SECRET,
        "auth_anonymous": WITH_TOKENS | SECRET,
        "jwt_secret": WITH_TOKENS,
        "jwt_secret_file": WITH_TOKENS,
        "jwt_jwks_url": WITH_TOKENS,
        "jwt_issuer": WITH_TOKENS | SECRET,
        "jwt_audience": WITH_TOKENS | SECRET,
        "mtls_ca_file": CALLERS,
        "mtls_callers": {"TRAVIO_AUTH": "mtls", "TRAVIO_MTLS_CA_FILE": __file__},
        "tls_cert": {"TRAVIO_TLS_KEY": __file__},
        "tls_key": {"TRAVIO_TLS_CERT": __file__},
        "scylla_hosts": {"TRAVIO_STORE": "embedded"},
        "scylla_user": {"TRAVIO_SCYLLA_PASSWORD": "word"},
        "scylla_password": {"TRAVIO_SCYLLA_USER": "seat"},
        "scylla_password_file": {"TRAVIO_SCYLLA_USER": "seat"},
        "scylla_ca_file": {"TRAVIO_SCYLLA_TLS": "on"},
        "redis_addr": {"TRAVIO_EDGE": "local"},
        "traces": {"TRAVIO_OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"},
        "otel_exporter_otlp_endpoint": {"TRAVIO_TRACES": "off"},
        "kafka_brokers": {"TRAVIO_EVENTS": "json-lines", "TRAVIO_EVENTS_IN": "none"},
        "redis_user": {"TRAVIO_REDIS_PASSWORD": "word"},
        "redis_ca_file": {"TRAVIO_REDIS_TLS": "on"},
    }
)
"""The settings that must be set as well, by field."""


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
    every = {(name, field) for name, component in COMPONENTS.items() for field in component.model_fields}
    assert {name for name, _ in every - used} == {"kafka"}, "others are chosen by these when settings are loaded"


def named(node: ast.expr) -> str:
    """The last name of the object of an attribute: `edge` of `edge.kind` and of `settings.edge.kind`."""
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


def test_brokers_of_a_shop_choose_where_orders_come_from_and_stock_is_told(environment: Environment) -> None:
    assert values(load_settings())["events_in"] == "none"
    environment["KAFKA_BROKERS"] = "kafka-1:9092, kafka-2:9092"
    chosen = values(load_settings())
    servers = "kafka://kafka-1:9092;kafka-2:9092"
    assert chosen["events"] == f"json-lines,stock={servers}?topic=inventory.events&shape=stock"
    assert chosen["events_in"] == f"{servers}?topics=order.events&group=inventory-service"
    assert chosen["events_in_organization"] == "default"
    sources = {line.name: line.source for line in listed(load_settings())}
    assert sources["TRAVIO_EVENTS"] == sources["TRAVIO_EVENTS_IN"] == "KAFKA_BROKERS"
    environment.update(
        {
            "KAFKA_GROUP_ID": "shop",
            "KAFKA_TOPIC_ORDER_EVENTS": "orders",
            "KAFKA_TOPIC_INVENTORY_EVENTS": "stock",
            "TRAVIO_DEFAULT_ORGANIZATION": "acme",
        }
    )
    chosen = values(load_settings())
    assert chosen["events"] == f"json-lines,stock={servers}?topic=stock&shape=stock"
    assert (chosen["events_in"], chosen["events_in_organization"]) == (f"{servers}?topics=orders&group=shop", "acme")
    environment.update({"EVENTS": "none", "EVENTS_IN": "none"})
    chosen = values(load_settings())
    assert (chosen["events"], chosen["events_in"], chosen["events_in_organization"]) == ("none", "none", "")
    environment["KAFKA_TOPIC_ORDER_EVENTS"] = "no topic"
    with pytest.raises(SettingsError, match="its topics and its group: has a source that is wrong"):
        load_settings()


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
