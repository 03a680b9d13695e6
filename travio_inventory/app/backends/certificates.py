"""Certificates: which CAs connections trust, and which certificate the server presents."""

import asyncio
import logging
import ssl
from pathlib import Path

from travio_inventory.app.backends.failures import StartFailed

LOOK_EVERY_S = 60.0

_log = logging.getLogger(__name__)


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Trusts the CA in the file, or the system's. Raises StartFailed if the file is not a certificate."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as failed:
        raise StartFailed(f"{ca_file} is not a certificate in PEM form: {failed.strerror or failed}") from failed


class OwnCertificate:
    """What the service shows of itself: `grpc` and `http` are for connections, and show renewed files to new ones.

    Raises StartFailed where the files are no certificate and key.
    """

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self._files = (certificate, key)
        self._seen = self._state()
        self.grpc, self.http = self._speaking("h2"), self._speaking("http/1.1")

    async def keep_up(self, *, every_s: float = LOOK_EVERY_S) -> None:
        """Load the files when they change. Files that do not match are logged once, and the old certificate stays. Runs
        until cancelled.
        """
        while True:
            await asyncio.sleep(every_s)
            now = self._state()
            if now == self._seen:
                continue
            self._seen = now
            try:
                self._loaded(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))  # both are good, and belong together
                self._loaded(self.grpc)
                self._loaded(self.http)
            except StartFailed as failed:
                _log.error("the old certificate stays in use: %s", failed)
            else:
                _log.info("the certificate in %s is used from now on", self._files[0])

    def _speaking(self, protocol: str) -> ssl.SSLContext:
        context = self._loaded(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
        context.set_alpn_protocols([protocol])
        return context

    def _loaded(self, context: ssl.SSLContext) -> ssl.SSLContext:
        certificate, key = self._files
        try:
            context.load_cert_chain(certificate, key)
        except OSError as failed:
            is_unfit = isinstance(failed, ssl.SSLError)
            why = f"no certificate and its key, in PEM form ({failed})" if is_unfit else failed.strerror
            raise StartFailed(f"TLS with {certificate} and {key}: {why}") from failed
        return context

    def _state(self) -> tuple[object, ...]:
        """A value that changes with each change of a file."""
        return tuple(_version(path) for path in self._files if path is not None)


def _version(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_ino, found.st_size
