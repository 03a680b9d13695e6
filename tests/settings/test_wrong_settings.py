"""A wrong setting stops the start with one line, which never shows a password; variables of other programs do not."""

import pytest

from tests.settings.conftest import Environment
from tests.settings.reading import refused
from travio_inventory.events.choice import FILE_KINDS, FORMS, URL_KINDS
from travio_inventory.settings import Settings, listed, load_settings, shadowed
from travio_inventory.settings.environment import name_used
from travio_inventory.settings.loading import KEYS, SECRET_FILES

FILES_OF_SECRETS = [name_used(key) for key in KEYS if key.endswith(SECRET_FILES)]
ISSUED = {"TRAVIO_JWT_ISSUER": "https://login.example", "TRAVIO_JWT_AUDIENCE": "seats"}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TRAVIO_GRPC_PORT": "70000"}, "TRAVIO_GRPC_PORT='70000' is wrong: allowed is a whole number from 0 to 65535"),
        ({"GRPC_PORT": "http"}, "GRPC_PORT='http' is wrong: allowed is a whole number from 0 to 65535"),
        (
            {"TRAVIO_EVENT_RETENTION_SECONDS": "14399"},
            "TRAVIO_EVENT_RETENTION_SECONDS='14399' is wrong: allowed is a whole number from 14400 to 2592000",
        ),
        (
            {"TRAVIO_HOLD_RETENTION_SECONDS": "3599"},
            "TRAVIO_HOLD_RETENTION_SECONDS='3599' is wrong: allowed is a whole number from 3600 to 2592000",
        ),
        (
            {"TRAVIO_IDEMPOTENCY_RETENTION_SECONDS": "7d"},
            "TRAVIO_IDEMPOTENCY_RETENTION_SECONDS='7d' is wrong: allowed is a whole number from 3600 to 2592000",
        ),
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
        *(
            (
                {f"TRAVIO_{face}_HOST": host},
                f"TRAVIO_{face}_HOST={host!r} is no host: allowed is a name or an address of this machine",
            )
            for face in ("GRPC", "HTTP", "METRICS")
            for host in ("db..example", "x" * 64)
        ),
        (
            {"SCYLLA_HOSTS": "db1,db..2"},
            "SCYLLA_HOSTS='db1,db..2' is not an address: allowed is host,host or host:port,host:port",
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
            {"TRAVIO_AUTH": "jwt", "TRAVIO_JWT_SECRET": "hush" * 7, **ISSUED},
            "TRAVIO_JWT_SECRET='**********' is too short: allowed is a text of at least 32 bytes",
        ),
        (
            {"TRAVIO_AUTH": "jwt", **ISSUED},
            "TRAVIO_AUTH='jwt' needs one of TRAVIO_JWT_SECRET, TRAVIO_JWT_SECRET_FILE, TRAVIO_JWT_JWKS_URL",
        ),
        (
            {"TRAVIO_AUTH": "jwt", "TRAVIO_JWT_SECRET": "hush" * 8, "TRAVIO_JWT_AUDIENCE": "seats"},
            "TRAVIO_AUTH='jwt' needs TRAVIO_JWT_ISSUER",
        ),
        (
            {"TRAVIO_JWT_SECRET": "hush" * 8},
            "TRAVIO_JWT_SECRET='**********' needs TRAVIO_AUTH=jwt",
        ),
        ({"TRAVIO_MTLS_CALLERS": "a=b"}, "TRAVIO_MTLS_CALLERS='a=b' needs TRAVIO_AUTH=mtls"),
        ({"TRAVIO_AUTH": "mtls"}, "TRAVIO_AUTH='mtls' needs TRAVIO_MTLS_CA_FILE and TRAVIO_MTLS_CALLERS"),
        (
            {"TRAVIO_AUTH": "mtls", "TRAVIO_MTLS_CA_FILE": __file__, "TRAVIO_MTLS_CALLERS": "shop=acme fly"},
            (
                "TRAVIO_MTLS_CALLERS='shop=acme fly' is not a list of callers: "
                "allowed is name=organization, or name=organization scope scope; several separated by commas"
            ),
        ),
        ({"TRAVIO_AUTH_ANONYMOUS": "read"}, "TRAVIO_AUTH_ANONYMOUS='read' needs TRAVIO_AUTH=jwt or mtls"),
        (
            {"TRAVIO_AUTH": "jwt", "TRAVIO_JWT_JWKS_URL": "http://login.example/keys", **ISSUED},
            (
                "TRAVIO_JWT_JWKS_URL='http://login.example/keys' is no such address: "
                "allowed is an address with https://; http:// only on this machine"
            ),
        ),
        (
            {"TRAVIO_AUTH": "jwt", "TRAVIO_JWT_JWKS_URL": "https://ann:hush@login.example/keys", **ISSUED},
            (
                "TRAVIO_JWT_JWKS_URL='https://***@login.example/keys' has a user, but keys are public: "
                "allowed is an address with https://; http:// only on this machine"
            ),
        ),
        (
            {"TRAVIO_DEFAULT_ORGANIZATION": " a"},
            "TRAVIO_DEFAULT_ORGANIZATION=' a' must not begin or end with white space: allowed is any text",
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
        ({"GRPC_PORT": "9_083"}, "GRPC_PORT='9_083' is wrong: allowed is a whole number from 0 to 65535"),
        ({"HTTP_PORT": "8_083"}, "HTTP_PORT='8_083' is wrong: allowed is off, or a whole number from 0 to 65535"),
        ({"HOLD_TTL_SECONDS": "６０"}, "HOLD_TTL_SECONDS='６０' is wrong: allowed is a whole number from 1 to 86400"),  # noqa: RUF001
        ({"travio_data": "x"}, "travio_data: no such setting; did you mean TRAVIO_DATA?"),
        (
            {"TRAVIO_EVENTS_IN_ORGANIZATIONS": " , "},
            "TRAVIO_EVENTS_IN_ORGANIZATIONS=' , ' says nothing: allowed is a list of ids, as acme,globex",
        ),
        (
            {"TRAVIO_EVENTS_IN_ORGANIZATIONS": "acme,gl\u200bobex"},
            (
                "TRAVIO_EVENTS_IN_ORGANIZATIONS='acme,gl\\u200bobex' has an organization that must not have control "
                "characters or other invisible ones: allowed is a list of ids, as acme,globex"
            ),
        ),
        (
            {"TRAVIO_STOCK_APPROVAL_ABOVE": ","},
            (
                "TRAVIO_STOCK_APPROVAL_ABOVE=',' says nothing: "
                "allowed is a number for all organizations, others by their ids, as 100,acme=20; empty for none"
            ),
        ),
        (
            {"TRAVIO_STOCK_PARCEL_COSTS": f"north={'1' * 5_000}"},
            (
                f"TRAVIO_STOCK_PARCEL_COSTS='north={'1' * 114}...' must have numbers from 0 to 1000000000, as "
                "north=450,south=390: allowed is codes of warehouses with numbers from 0 to 1000000000, as "
                "north=450,south=390"
            ),
        ),
        *(
            (
                {"OTEL_EXPORTER_OTLP_ENDPOINT": address},
                (
                    f"OTEL_EXPORTER_OTLP_ENDPOINT={address!r} is no such address: "
                    "allowed is an address with http:// or https://"
                ),
            )
            for address in (
                "collector:4318",
                "http://[",
                "http://a..b",
                "http://collector:99999",
                "http://collector:http",
            )
        ),
        *(
            (
                {"OTEL_TRACES_SAMPLER_ARG": share},
                f"OTEL_TRACES_SAMPLER_ARG={share!r} is no such share: allowed is a number from 0 to 1",
            )
            for share in ("most", "1.1", "0_1", "nan")
        ),
        (
            {"TRAVIO_AUTH": "jwt", "TRAVIO_JWT_JWKS_URL": "https://login.example:99999/keys", **ISSUED},
            (
                "TRAVIO_JWT_JWKS_URL='https://login.example:99999/keys' is no such address: "
                "allowed is an address with https://; http:// only on this machine"
            ),
        ),
        (
            {"TRAVIO_GRPC_PORT": "x", "TRAVIO_EVENTS": "y"},
            (
                "TRAVIO_GRPC_PORT='x' is wrong: allowed is a whole number from 0 to 65535; "
                "TRAVIO_EVENTS='y' has a sink of no known kind, number 1: "
                f"known are {', '.join([*FILE_KINDS, *(f'{kind}://' for kind in URL_KINDS)])}: allowed is {FORMS}"
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
    "address", ["redis://user:secret@cache:6379", "user:secret@cache", "redis://u:a/secret@b@cache", "secret\n@cache"]
)
def test_a_password_in_an_address_is_shown_nowhere(address: str, environment: Environment) -> None:
    for variable in ("REDIS_ADDR", "SCYLLA_HOSTS"):
        environment[variable] = address
    assert "secret" not in refused()


def test_passwords_of_sinks_are_shown_nowhere(environment: Environment) -> None:
    environment["EVENTS"] = "json-lines,a=kafka://ann:hush@one?topic=t,b=kafka://ann:hu%2Csh@two;three"
    settings = load_settings()
    [row] = [row for row in listed(settings) if row.name == "TRAVIO_EVENTS"]
    assert row.value == "json-lines,a=kafka://***@one?topic=t,b=kafka://***@two;three"
    assert "hu" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    "sinks",
    [
        "kafka://ann:secret,a@b",
        "kafka://ann:a,secret@b",
        "kafka://ann:a@secret@b,c=kafka://d:secret@e?f",
        "kafka://host?password=secret",
        "kafka://host?a=b&sasl_password=secret&c=d,e=kafka://f?my_token=a,secret",
        "kafkas://ann:secret@b",
        "secret@b,kafka://c",
    ],
)
def test_a_password_in_a_wrong_list_of_sinks_is_shown_nowhere(sinks: str, environment: Environment) -> None:
    environment["TRAVIO_EVENTS"] = sinks
    assert "secret" not in refused()


@pytest.mark.parametrize(
    "sink",
    [
        "kafkas://ann@b?password_file=hush&topic=t",
        "https://h/#at_once=65&secret_file=hush&tls=on",
        "https://h/#secret=hush",
    ],
)
def test_a_secret_among_the_options_of_a_wrong_sink_is_not_shown(sink: str, environment: Environment) -> None:
    environment["TRAVIO_EVENTS"] = sink
    assert "hush" not in refused()


def test_a_password_in_place_of_the_path_of_its_file_is_not_shown_of_a_sink(environment: Environment) -> None:
    sinks = "a=kafka://ann@one?password_file=hush&topic=t,b=https://h/#secret_file=hush,c=kafka://ann@h?password_file=/run/x"
    environment["EVENTS"] = sinks
    [row] = [row for row in listed(load_settings()) if row.name == "TRAVIO_EVENTS"]
    assert "hush" not in row.value
    assert "password_file=***&topic=t,b=" in row.value
    assert "secret_file=***,c=" in row.value
    assert row.value.endswith("?password_file=/run/x")


@pytest.mark.parametrize("variable", ["TRAVIO_TLS_CERT", "TRAVIO_TLS_KEY", "TRAVIO_REDIS_CA_FILE"])
def test_what_is_in_a_file_in_place_of_its_path_is_refused_and_not_shown(
    variable: str, environment: Environment
) -> None:
    environment[variable] = f"-----BEGIN PRIVATE KEY-----\n{'hush' * 2_000}"
    assert refused() == f"{variable}='-----BEGIN...' is wrong: allowed is the path of an existing file"


@pytest.mark.parametrize("variable", FILES_OF_SECRETS)
def test_a_secret_in_place_of_the_path_of_its_file_is_not_shown(variable: str, environment: Environment) -> None:
    environment[variable] = "hush"
    assert refused() == f"{variable}='**********' is wrong: allowed is the path of an existing file"
    environment[variable] = "/run/secrets/none"
    assert refused() == f"{variable}='/run/secrets/none' is wrong: allowed is the path of an existing file"


def test_every_secret_may_stand_in_a_file() -> None:
    assert FILES_OF_SECRETS == ["TRAVIO_JWT_SECRET_FILE", "TRAVIO_SCYLLA_PASSWORD_FILE", "TRAVIO_REDIS_PASSWORD_FILE"]


def test_a_secret_that_signs_tokens_is_not_shown(environment: Environment) -> None:
    environment.update({"TRAVIO_AUTH": "jwt", "TRAVIO_JWT_SECRET": "hush" * 8, **ISSUED})
    settings = load_settings()
    assert settings.auth.jwt_secret.get_secret_value() == "hush" * 8
    assert "hush" not in str(listed(settings)) + repr(settings) + str(settings)


def test_a_password_is_not_shown(environment: Environment) -> None:
    environment.update({"TRAVIO_REDIS_PASSWORD": "hush"})
    settings = load_settings()
    assert settings.redis.password.get_secret_value() == "hush"
    assert "hush" not in str(listed(settings)) + repr(settings)


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
def test_variables_of_other_programs_are_ignored(name: str, value: str, environment: Environment) -> None:
    environment[name] = value
    assert load_settings() == Settings()


def test_a_setting_is_read_even_if_a_service_has_its_other_name(environment: Environment) -> None:
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
def test_what_only_resembles_a_service_variable_is_a_wrong_setting(
    name: str, value: str, environment: Environment
) -> None:
    environment[name] = value
    assert refused().startswith(f"{name}")
