"""Certificates for one run: our own authority and a server certificate for this machine's loopback names."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = """[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = NAMES
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
LOOPBACK = "DNS:localhost, IP:127.0.0.1, IP:127.0.0.2, IP:127.0.0.3"


@dataclass(frozen=True)
class Certificates:
    """The files, all PEM: whom clients trust, what the server shows, and its key. `of_clients`: servers admit only who
    shows a certificate of the same authority.
    """

    authority: Path
    certificate: Path
    key: Path
    of_clients: bool = False


def make_certificates(folder: Path, *, names: str = LOOPBACK) -> Certificates:
    """Write them into the folder, good for one day, for a server of these names. Needs OpenSSL 3."""
    made = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    authority_key = folder / "authority.key"
    (folder / "openssl.cnf").write_text(CONFIGURATION.replace("NAMES", names))
    _certify(folder, "authority", authority_key, made.authority)
    _certify(folder, "server", made.key, made.certificate, "-CA", str(made.authority), "-CAkey", str(authority_key))
    return made


def _certify(folder: Path, role: str, key: Path, certificate: Path, *signer: str) -> None:
    command = ["openssl", "req", "-x509", "-config", str(folder / "openssl.cnf"), "-extensions", role, "-days", "1"]
    names = ["-subj", f"/CN=travio tests {role}", "-keyout", str(key), "-out", str(certificate)]
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
    subprocess.run([*command, *names, *new_key, *signer], check=True, capture_output=True)
