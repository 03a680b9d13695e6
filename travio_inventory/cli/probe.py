"""Checks the service of this machine: `python -m travio_inventory.cli.probe liveness` or `readiness`."""

import asyncio
import ssl
import sys
from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from grpclib.client import Channel
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.health.v1.health_grpc import HealthStub
from grpclib.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from travio_inventory.cli import not_imported
from travio_inventory.client.client import LIVENESS, READINESS
from travio_inventory.kernel.error_words import error_in_words

if TYPE_CHECKING:  # see `probe`
    from travio_inventory.settings import ServerSettings

ANSWER_SECONDS_MAX: Final = 3.0
EXIT_WELL: Final = 0
EXIT_NOT_WELL: Final = 1
EXIT_WRONG: Final = 2
QUESTIONS: Final = MappingProxyType({"readiness": READINESS, "liveness": LIVENESS})


def probe(words: Sequence[str]) -> int:
    """0 if the service with the same settings is ready, or alive; else 1, with one line on standard error. Raises
    ImportError where the packages of the service are missing.
    """
    from travio_inventory.settings import SettingsError, load_settings  # noqa: PLC0415 - a client alone has none

    if len(words) != 1 or words[0] not in QUESTIONS:
        sys.stderr.write(f"ask for one of: {', '.join(QUESTIONS)}\n")
        return EXIT_WRONG
    try:
        answer = asyncio.run(_asked(load_settings().server, QUESTIONS[words[0]]))
    except TimeoutError:
        sys.stderr.write(f"not well: no answer within {ANSWER_SECONDS_MAX:g} s\n")
        return EXIT_NOT_WELL
    except (SettingsError, GRPCError, StreamTerminatedError, OSError) as failed:
        sys.stderr.write(f"not well: {error_in_words(failed)}\n")
        return EXIT_NOT_WELL
    if answer.status != HealthCheckResponse.SERVING:
        sys.stderr.write(f"not well: {HealthCheckResponse.ServingStatus.Name(answer.status)}\n")
        return EXIT_NOT_WELL
    return EXIT_WELL


async def _asked(server: "ServerSettings", service: str) -> HealthCheckResponse:
    async with Channel(server.host, server.port, ssl=_itself(server)) as channel:
        return await HealthStub(channel).Check(HealthCheckRequest(service=service), timeout=ANSWER_SECONDS_MAX)


def _itself(server: "ServerSettings") -> ssl.SSLContext | None:
    """TLS without checking the certificate, which names another host; None for plaintext."""
    if server.tls_cert is None:
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


if __name__ == "__main__":
    try:
        sys.exit(probe(sys.argv[1:]))
    except ImportError as failed:
        sys.exit(not_imported(failed))
