"""Dockerfile and docker-compose.yml, held to the code: no engine is here to build them, so every word is checked."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from travio_inventory.app.listening import LINGER_SECONDS_MAX
from travio_inventory.app.relayed import FLUSH_SECONDS_MAX
from travio_inventory.bench.free_ports import free_port
from travio_inventory.cli.commands import NAME, build
from travio_inventory.settings import (
    KEYS,
    PREFIX,
    HttpSettings,
    MetricsSettings,
    ServerSettings,
    Settings,
    load_settings,
    names,
)
from verification.kit.service_process import serving
from verification.servers.certificates import make_certificates

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
ONE_SHOT = {"schema"}
PINNED = re.compile(r"[a-z][\w./-]*:\d[\w.-]*")
PORT = ServerSettings.model_fields["port"].default
HTTP_PORT = HttpSettings.model_fields["port"].default
METRICS_PORT = MetricsSettings.model_fields["port"].default
SECONDS = {"s": 1, "m": 60}
PROBE_SECONDS_MAX = 60


class Instruction(NamedTuple):
    """One instruction of the Dockerfile. `stage`: the name of its stage, "" for the last."""

    stage: str
    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """What follows the name; an exec form is its words."""
        return list(json.loads(self.rest)) if self.rest.startswith("[") else shlex.split(self.rest)


def instructions() -> Iterator[Instruction]:
    """The Dockerfile's instructions in order, each on one line."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stage = ""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        name, _, rest = line.partition(" ")
        if name == "FROM":
            stage = rest.partition(" AS ")[2]
        if name:
            yield Instruction(stage, name, rest)


DOCKERFILE = list(instructions())


def the_last(name: str) -> Instruction:
    """The last stage's instruction of this name; there must be one."""
    (found,) = [each for each in DOCKERFILE if (each.stage, each.name) == ("", name)]
    return found


IMAGE_ENVIRONMENT = dict(each.rest.split("=", 1) for each in DOCKERFILE if each.name == "ENV" and each.stage == "")
HEALTH_WORDS = json.loads(the_last("HEALTHCHECK").rest.partition("CMD ")[2])


def copied() -> list[Path]:
    """What the Dockerfile takes from the tree."""
    copies = [each.words for each in DOCKERFILE if each.name == "COPY" and "--from" not in each.rest]
    return [Path(source) for *sources, _ in copies for source in sources]


def seconds(duration: str) -> int:
    """A duration as Compose writes it."""
    return int(duration[:-1]) * SECONDS[duration[-1]]


def depends_on(name: str) -> dict[str, str]:
    """The condition of each service that this one waits for."""
    return {other: each["condition"] for other, each in SERVICES[name].get("depends_on", {}).items()}


def waited_for(name: str) -> set[str]:
    """All services that are up, or done, before this one starts."""
    direct = set(depends_on(name))
    return direct.union(*map(waited_for, direct))


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Settings]:
    """What a container of ours makes of its environment."""

    def load(name: str) -> Settings:
        bare = {each for key in KEYS for each in names(key)}
        for variable in [each for each in os.environ if each.startswith(PREFIX) or each in bare]:
            monkeypatch.delenv(variable)
        for variable, value in (IMAGE_ENVIRONMENT | SERVICES[name]["environment"]).items():
            monkeypatch.setenv(variable, value)
        return load_settings()

    return load


def is_command(words: list[str]) -> bool:
    """Whether the words run a function of ours. Raises what the command line raises at wrong ones."""
    function, _, _ = build().parse_args(words, print_error=False, exit_on_error=False)
    return str(function.__module__).startswith("travio_inventory.cli.")


# ---- docker-compose.yml


def test_every_service_of_ours_is_one_and_reaches_the_servers_beside_it(
    settings_of: Callable[[str], Settings],
) -> None:
    assert OURS == ["schema", "service", "background"]
    for name in OURS:
        settings = settings_of(name)
        assert (settings.store.kind, settings.edge.kind, settings.scylla.environment) == (
            "scylla",
            "redis",
            "development",
        )
        assert settings.scylla.hosts in SERVICES
        host, _, port = settings.redis.addr.partition(":")
        assert (host in SERVICES, port) == (True, "6379")
        assert (settings.server.port, settings.http.port) == (PORT, HTTP_PORT)
        assert settings.scylla.hosts in waited_for(name)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_and_every_value_text(name: str) -> None:
    environment: Mapping[str, object] = SERVICES[name]["environment"]
    assert environment.keys() <= {each for key in KEYS for each in names(key)}
    assert [value for value in environment.values() if not isinstance(value, str)] == []  # a bare off is a boolean


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name: str) -> None:
    test = SERVICES[name].get("healthcheck", {}).get("test", ["CMD", NAME, "serve"])
    assert test[:2] == ["CMD", NAME]
    for words in (SERVICES[name]["command"], test[2:]):
        assert is_command(words)


def test_the_schema_has_as_many_copies_as_there_are_database_nodes() -> None:
    assert SERVICES["schema"]["command"] == ["schema", "apply", "--replication", "1"]
    assert [name for name, service in SERVICES.items() if "scylla" in service.get("image", "")] == ["scylla"]


def test_events_are_relayed_by_one_process_which_keeps_them(settings_of: Callable[[str], Settings]) -> None:
    relaying = [name for name in OURS if name not in ONE_SHOT and settings_of(name).background.relay == "on"]
    assert relaying == ["background"]
    (volume,) = SERVICES["background"]["volumes"]
    assert volume.partition(":")[2] == str(settings_of("background").store.data)


def test_images_are_pinned_and_no_two_builds_fight_for_a_name() -> None:
    images = {name: service["image"] for name, service in SERVICES.items() if name not in OURS}
    assert {name for name, image in images.items() if not PINNED.fullmatch(image)} == set()
    assert [name for name in OURS if "image" in SERVICES[name]] == []


def test_every_service_has_a_health_check_or_ends() -> None:
    for name, service in SERVICES.items():
        check = service.get("healthcheck", {})
        if name in ONE_SHOT:
            assert (check, service["restart"]) == ({"disable": True}, "no")
        else:
            assert check.get("test") or name in OURS  # the image of ours has its own
            assert not check.get("disable")
            assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_when_what_it_needs_is_there_or_done(name: str) -> None:
    conditions = {
        other: "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        for other in depends_on(name)
    }
    assert depends_on(name) == conditions
    assert waited_for(name) == {"scylla": set(), "redis": set(), "schema": {"scylla"}}.get(
        name, {"scylla", "redis", "schema"}
    )


def test_only_the_service_is_reached_and_only_from_this_machine() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"service": [f"127.0.0.1:{port}:{port}" for port in (PORT, HTTP_PORT)]}
    assert the_last("EXPOSE").words == [str(PORT), str(HTTP_PORT), str(METRICS_PORT)]


def test_every_volume_is_declared_and_used() -> None:
    used = [volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert sorted(used) == sorted(COMPOSE["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_a_stop_is_given_the_time_it_takes(name: str, settings_of: Callable[[str], Settings]) -> None:
    """Calls drain and their connections linger, then steps drain, then events are relayed a last time."""
    longest = 2 * settings_of(name).limits.drain_seconds + LINGER_SECONDS_MAX + FLUSH_SECONDS_MAX
    assert seconds(SERVICES[name]["stop_grace_period"]) > longest


@pytest.mark.parametrize("name", [*OURS, "redis"])
def test_what_need_not_write_cannot_and_nobody_gains_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


# ---- Dockerfile


def test_the_image_is_built_on_a_python_that_fits() -> None:
    first, *others = [each.rest.partition(" AS ")[0] for each in DOCKERFILE if each.name == "FROM"]
    assert PINNED.fullmatch(first)
    assert set(others) == {"base"}
    python, least = (
        re.match(r"python:3\.(\d+)-slim", first),
        re.match(r">=3\.(\d+)", PYPROJECT["project"]["requires-python"]),
    )
    assert python is not None
    assert least is not None
    assert int(python[1]) >= int(least[1])


def test_all_that_is_copied_is_in_git_and_let_through() -> None:
    *_, ignored = ignore = (ROOT / ".dockerignore").read_text().splitlines()[1:]
    assert (ignore[0], ignored) == ("*", "**/__pycache__")
    assert {path.parts[0] for path in copied()} == {line.removeprefix("!") for line in ignore[1:-1]}
    for path in copied():
        listed = subprocess.run(["git", "ls-files", path], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607 - whichever git there is
        assert listed.stdout, f"{path} is not in git"


def test_every_link_in_the_package_leads_to_what_is_copied() -> None:
    links = [path for path in (ROOT / "travio_inventory").rglob("*") if path.is_symlink()]
    assert links
    for link in links:
        target = link.resolve().relative_to(ROOT)
        assert any(source in (target, *target.parents) for source in copied()), target


def test_nothing_is_installed_unchecked_and_nothing_compiled() -> None:
    commands = [shlex.split(command) for each in DOCKERFILE if each.name == "RUN" for command in each.rest.split("&&")]
    installs = [words for words in commands if words[0] == "pip"]
    files = [words[words.index("-r") + 1] for words in installs if "-r" in words]
    assert files == ["requirements/build.txt", "requirements/runtime.txt"]
    for words in installs:
        if "-r" in words:
            assert {"--require-hashes", "--only-binary", ":all:"} <= set(words)
        else:
            assert "--no-deps" in words
            assert {"--no-index", "--no-build-isolation"} & set(words)
    assert [words for words in commands if words[0].startswith("apt")] == []


def test_the_package_is_built_by_what_the_tests_are_built_by() -> None:
    requirements = ROOT / "requirements"
    asked = [line for line in (requirements / "build.in").read_text().splitlines() if not line.startswith("#")]
    assert asked == PYPROJECT["build-system"]["requires"]
    locked = (requirements / "build.txt").read_text().splitlines()
    assert locked[2:]
    assert set(locked) <= set((requirements / "dev.txt").read_text().splitlines()), "run `make lock`"


def test_the_image_runs_as_a_user_who_owns_only_the_data() -> None:
    user = the_last("USER").rest
    added, *_ = [each.rest for each in DOCKERFILE if "useradd" in each.rest]
    assert int(user) > 0
    assert f"--uid {user} " in added
    assert f"--owner travio --group travio --mode 0700 {IMAGE_ENVIRONMENT['TRAVIO_DATA']}" in added
    assert the_last("WORKDIR").rest == IMAGE_ENVIRONMENT["TRAVIO_DATA"]
    assert DOCKERFILE.index(the_last("USER")) > max(
        number for number, each in enumerate(DOCKERFILE) if each.name in {"RUN", "COPY"}
    )


def test_the_image_runs_our_command() -> None:
    assert the_last("ENTRYPOINT").words == [NAME]
    assert NAME in PYPROJECT["project"]["scripts"]
    assert is_command(the_last("CMD").words)
    for each in DOCKERFILE:
        if each.name == "RUN" and each.rest.startswith("["):
            assert each.words[0] == NAME
            assert is_command(each.words[1:])


# ---- the health check of the image


def health(port: int, **variables: str) -> int:
    """The exit status of the health check beside a service with these settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    program, *words = HEALTH_WORDS
    assert program == "python"
    return subprocess.run(
        [sys.executable, *words], env=own | {"GRPC_PORT": str(port)} | variables, check=False, timeout=PROBE_SECONDS_MAX
    ).returncode


@pytest.mark.once
async def test_a_service_that_serves_is_well(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        assert health(service.port) == 0
        service.kill()
        assert health(service.port) == 1


@pytest.mark.once
async def test_a_service_with_tls_is_well(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    tls = {"TRAVIO_TLS_CERT": str(made.certificate), "TRAVIO_TLS_KEY": str(made.key)}
    async with serving(tmp_path, **tls) as service:
        assert health(service.port, **tls) == 0
        assert health(service.port) == 1


@pytest.mark.once
def test_a_service_that_does_not_answer_is_not_well(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert health(silent.getsockname()[1]) == 1
    assert health(free_port()) == 1
    assert health(0, TRAVIO_GRPC_HOST="127.0.0.1", GRPC_PORT="none") == 1
    said = capfd.readouterr().err.splitlines()
    assert [line.split(":")[:2] for line in said] == [
        ["not well", " no answer within 3 s"],
        ["not well", " ConnectionRefusedError"],
        ["not well", " SettingsError"],
    ]
