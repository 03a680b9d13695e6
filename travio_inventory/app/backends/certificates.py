"""Certificates: which CAs connections trust, and which certificate the server presents."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from travio_inventory.app.backends.failures import StartFailed
from travio_inventory.app.backends.renewed import Renewals
from travio_inventory.kernel.key_files import show_certificate


def trusting(ca_file: Path | None, renewals: Renewals) -> ssl.SSLContext:
    """Trusts the CA in the file, or the system's; and what the file says later, besides. Raises StartFailed if the file
    is not a certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as failed:
        raise _no_authority(ca_file, failed) from failed
    if ca_file is not None:
        renewals.watch("CA", [ca_file], lambda: _trust_too(context, ca_file))
    return context


def _trust_too(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(ca_file)
    except OSError as failed:
        raise _no_authority(ca_file, failed) from failed


def _no_authority(ca_file: Path | None, failed: OSError) -> StartFailed:
    return StartFailed(f"{ca_file} is not a certificate in PEM form: {failed.strerror or failed}")


class OwnCertificate:
    """What the service shows of itself, and whom it asks for a certificate: `grpc` and `http` are for connections, and
    what the files say later counts for new ones.

    `prepare` completes a context, and may use the files in `besides`. Raises StartFailed where the files are no
    certificate and key.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path | None,
        renewals: Renewals,
        *,
        prepare: Callable[[ssl.SSLContext], None] = lambda _context: None,
        besides: Path | None = None,
    ) -> None:
        self._files = (certificate, key)
        self._prepare = prepare
        self.grpc, self.http = _Renewed(self._speaking("h2")), _Renewed(self._speaking("http/1.1"))
        renewals.watch("certificate", (certificate, key, besides), self._load)

    def _load(self) -> None:
        """Both, or none: they are made anew, so that whoever was trusted before is trusted no more."""
        grpc, http = self._speaking("h2"), self._speaking("http/1.1")
        self.grpc.now, self.http.now = grpc, http

    def _speaking(self, protocol: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate, key = self._files
        try:
            show_certificate(context, certificate, key)
        except OSError as failed:
            is_unfit = isinstance(failed, ssl.SSLError)
            why = f"no certificate and its key, in PEM form ({failed})" if is_unfit else failed.strerror
            raise StartFailed(f"TLS with {certificate} and {key}: {why}") from failed
        context.set_alpn_protocols([protocol])
        self._prepare(context)
        return context


class _Renewed(ssl.SSLContext):
    """A server's context, which makes each connection by the one that is `now` the right one: a listener keeps the
    context that it got first.
    """

    now: ssl.SSLContext

    def __new__(cls, _now: ssl.SSLContext) -> "_Renewed":
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, now: ssl.SSLContext) -> None:
        self.now = now

    def wrap_bio(self, *args: Any, **named: Any) -> ssl.SSLObject:  # noqa: ANN401 - as ssl has it
        """See SSLContext: what asyncio calls for each connection."""
        return self.now.wrap_bio(*args, **named)
