"""The names, secrets and ports of one run, and its certificate authority."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

if TYPE_CHECKING:
    from pathlib import Path

REALM = "realm-rig.example"
USERNAME = "widget-rig"
"""Digest user of the callers; their address-of-record is another one, as with the real service."""

CALLEE_USERNAME = "browser-rig"

LOOPBACK = "127.0.0.1"
FAR_ADDRESS = "10.77.0.2"
"""Where a rig behind an impaired link is (impairer/)."""

WSS_PORT = 8443
ENDPOINT_PORT = 8444
SIP_PORT = 5060
PLAIN_SIP_PORT = 5070
PLAIN_RTP_PORT = 40000
RTPENGINE_PORT = 22222
TURN_PORT = 3478
TURN_TLS_PORT = 5349

TURN_USERNAME = "turn-rig"


@dataclass(frozen=True)
class Identity:
    """Password and certificate made for one run; nothing of it outlives the directory."""

    ca_file: Path
    certificate_file: Path
    key_file: Path
    key_hash: str
    """Base64 of the SHA-256 of the certificate's SubjectPublicKeyInfo, as Chromium's switch wants it."""
    password: str = field(repr=False)

    @property
    def ca_pem(self) -> str:
        return self.ca_file.read_text(encoding="ascii")


def make_identity(directory: Path) -> Identity:
    """Makes a CA and a certificate for the rig's addresses, and a password that occurs nowhere else."""
    authority = trustme.CA()
    certificate = authority.issue_cert(LOOPBACK, "localhost", FAR_ADDRESS)
    identity = Identity(
        ca_file=directory / "ca.pem",
        certificate_file=directory / "certificate.pem",
        key_file=directory / "key.pem",
        key_hash=key_hash(certificate.cert_chain_pems[0].bytes()),
        password=f"secret-{secrets.token_hex(12)}",
    )
    authority.cert_pem.write_to_path(identity.ca_file)
    certificate.private_key_pem.write_to_path(identity.key_file)
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(identity.certificate_file, append=True)
    return identity


def key_hash(certificate_pem: bytes) -> str:
    """Returns the hash of a certificate's key, as Chromium wants it."""
    key = load_pem_x509_certificate(certificate_pem).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode("ascii")
