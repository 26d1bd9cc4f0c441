"""STUN and TURN messages as far as a probe needs them (RFC 8489, RFC 8656)."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER_BYTES = 20
BINDING, ALLOCATE, REFRESH = 0x0001, 0x0003, 0x0004
_COOKIE = 0x2112A442
_USERNAME, _MESSAGE_INTEGRITY, _ERROR_CODE, _LIFETIME = 0x0006, 0x0008, 0x0009, 0x000D
_REALM, _NONCE, _XOR_RELAYED, _REQUESTED_TRANSPORT, _XOR_MAPPED = 0x0014, 0x0015, 0x0016, 0x0019, 0x0020
_UDP = 17


@dataclass(frozen=True)
class Credentials:
    """Long-term credentials, with what the server said that they are for."""

    username: str
    password: str = field(repr=False)
    realm: bytes = b""
    nonce: bytes = field(default=b"", repr=False)

    @property
    def key(self) -> bytes:
        """RFC 8489 §9.2.2: the key of MESSAGE-INTEGRITY."""
        text = b":".join((self.username.encode(), self.realm, self.password.encode()))
        return hashlib.md5(text, usedforsecurity=False).digest()


@dataclass(frozen=True)
class Response:
    """What a server answered: success when `code` is `None`; addresses as `host:port`."""

    code: int | None = None
    reason: str = ""
    mapped: str | None = None
    relayed: str | None = None
    realm: bytes = b""
    nonce: bytes = field(default=b"", repr=False)


def request(
    method: int, transaction: bytes, credentials: Credentials | None = None, *, lifetime: int | None = None
) -> bytes:
    """Returns a request with this transaction id (12 bytes)."""
    attributes = b""
    if method == ALLOCATE:
        attributes += _attribute(_REQUESTED_TRANSPORT, struct.pack("!B3x", _UDP))
    if lifetime is not None:
        attributes += _attribute(_LIFETIME, struct.pack("!I", lifetime))
    if credentials is None:
        return _header(method, len(attributes), transaction) + attributes
    attributes += _attribute(_USERNAME, credentials.username.encode())
    attributes += _attribute(_NONCE, credentials.nonce) + _attribute(_REALM, credentials.realm)
    # the length counts the attribute that is about to follow
    signed = _header(method, len(attributes) + 24, transaction) + attributes
    return signed + _attribute(_MESSAGE_INTEGRITY, hmac.digest(credentials.key, signed, "sha1"))


def body_length(header: bytes) -> int:
    """Returns how many bytes follow a header."""
    return int.from_bytes(header[2:4])


def parsed(message: bytes, transaction: bytes) -> Response | None:
    """Returns the response to the request with this transaction id; `None` for anything else."""
    if len(message) < HEADER_BYTES or message[4:HEADER_BYTES] != struct.pack("!I", _COOKIE) + transaction:
        return None
    kind = int.from_bytes(message[:2]) & 0x0110
    if kind not in {0x0100, 0x0110}:
        return None
    found = dict(_attributes(message[HEADER_BYTES:]))
    code, reason = _error(found.get(_ERROR_CODE, b"")) if kind == 0x0110 else (None, "")
    return Response(
        code=code,
        reason=reason,
        mapped=_address(found.get(_XOR_MAPPED, b""), transaction),
        relayed=_address(found.get(_XOR_RELAYED, b""), transaction),
        realm=found.get(_REALM, b""),
        nonce=found.get(_NONCE, b""),
    )


def _header(method: int, length: int, transaction: bytes) -> bytes:
    return struct.pack("!HHI", method, length, _COOKIE) + transaction


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    while len(body) >= 4:
        kind, length = struct.unpack("!HH", body[:4])
        yield kind, body[4 : 4 + length]
        body = body[4 + length + -length % 4 :]


def _error(value: bytes) -> tuple[int, str]:
    if len(value) < 4:
        return 0, "no error code"
    return value[2] * 100 + value[3], value[4:].decode("utf-8", "replace")


def _address(value: bytes, transaction: bytes) -> str | None:
    if len(value) not in {8, 20}:
        return None
    mask = struct.pack("!I", _COOKIE) + transaction
    port = int.from_bytes(value[2:4]) ^ (_COOKIE >> 16)
    host = ipaddress.ip_address(bytes(one ^ other for one, other in zip(value[4:], mask, strict=False)))
    return f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"
