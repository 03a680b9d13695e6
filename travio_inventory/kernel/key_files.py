"""Files of certificates, keys and secrets: whether one was renewed, and a key without asking anybody for a password."""

import ssl
from pathlib import Path
from typing import TypeAlias

FileVersion: TypeAlias = tuple[int, int, int]


def version_of(file: Path) -> FileVersion:
    """Another value after each change of the file; of one that is not there too."""
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_ino, found.st_size


def show_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Let connections show the certificate. A key with a password is of no use: OpenSSL would ask whoever sits at the
    terminal, and the process would wait for that. Raises OSError.
    """
    context.load_cert_chain(certificate, key, lambda: "")
