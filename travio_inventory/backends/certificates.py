"""Whom a TLS connection trusts."""

import ssl
from pathlib import Path

from travio_inventory.backends.failures import StartFailed


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Trusts what the file signed, or what the system trusts. Raises StartFailed where it is no certificate."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as failed:
        raise StartFailed(f"{ca_file} is no certificate in PEM form: {failed}") from failed
