"""Loads a certificate and its key without asking anybody for a password."""

import ssl
from pathlib import Path


def show_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Let connections show the certificate. A key with a password is of no use: OpenSSL would ask whoever sits at the
    terminal, and the process would wait for that. Raises OSError.
    """
    context.load_cert_chain(certificate, key, lambda: "")
