"""Whom to trust, and as whom to appear: the same for the configuration request and the WebSocket."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import truststore

from c2c._errors import ConfigError

if TYPE_CHECKING:
    from c2c._c2c import TlsSettings


@dataclass(frozen=True, kw_only=True)
class TLSConfig:
    """Trust for both connections: a CA given here replaces the platform's; certificate and key are paths. All PEM."""

    ca_file: str | os.PathLike[str] | None = None
    ca_pem: str | bytes | None = field(default=None, repr=False)
    client_cert: str | os.PathLike[str] | None = None
    client_key: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        """Raises `TypeError` or `ValueError` for wrong options, and for those that contradict each other."""
        for option in ("ca_file", "client_cert", "client_key"):
            if not isinstance(path := getattr(self, option), str | os.PathLike | None):
                raise TypeError(f"tls: {option} must be a path, not {type(path).__name__}")
        if not isinstance(self.ca_pem, str | bytes | None):
            raise TypeError(f"tls: ca_pem must be str or bytes, not {type(self.ca_pem).__name__}")
        if self.ca_file is not None and self.ca_pem is not None:
            raise ValueError("tls: give ca_file or ca_pem, not both")
        if (self.client_cert is None) != (self.client_key is None):
            raise ValueError("tls: client_cert and client_key go together")


class Trust:
    """A `TLSConfig` with its files read; `ConfigError` names the one that cannot be."""

    def __init__(self, config: TLSConfig | None) -> None:
        config = config or TLSConfig()
        self._config = config
        self._ca = _ca_pem(config)
        self._cert = _read(config.client_cert, "client_cert")
        self._key = _read(config.client_key, "client_key")

    def ssl_context(self) -> ssl.SSLContext:
        """Returns what httpx verifies with."""
        try:
            context = _context(self._ca)
            if self._config.client_cert is not None:
                context.load_cert_chain(self._config.client_cert, self._config.client_key, password=_no_password)
        except (ssl.SSLError, ValueError, OSError) as error:
            raise ConfigError(f"tls: {_reason(error)}", cause=_reason(error), hint=_PEM_HINT) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def settings(self) -> TlsSettings:
        """Returns what the engine verifies with."""
        from c2c._c2c import TlsSettings

        return TlsSettings(ca_pem=self._ca, client_cert_pem=self._cert, client_key_pem=self._key)


def has_trust_roots() -> bool:
    """Whether this machine has certificate authorities to verify servers with."""
    if os.environ.get("SSL_CERT_FILE"):
        return Path(os.environ["SSL_CERT_FILE"]).is_file()
    paths = ssl.get_default_verify_paths()
    known = (paths.cafile, *_BUNDLES)
    return any(path and Path(path).is_file() for path in known) or _holds_files(paths.capath)


def _ca_pem(config: TLSConfig) -> bytes | None:
    if config.ca_pem is not None:
        return config.ca_pem.encode() if isinstance(config.ca_pem, str) else config.ca_pem
    if config.ca_file is not None:
        return _read(config.ca_file, "ca_file")
    # read here and not by the two libraries, so that both see the same roots on every platform
    return _read(os.environ.get("SSL_CERT_FILE") or None, "SSL_CERT_FILE")


def _context(ca_pem: bytes | None) -> ssl.SSLContext:
    if ca_pem is None:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca_pem.decode("ascii", "replace"))
    return context


def _read(path: str | os.PathLike[str] | None, option: str) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = f"{option}: {os.fspath(path)}: {error.strerror or error}"
        raise ConfigError(f"tls: {reason}", cause=reason, hint=_PEM_HINT) from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error)


def _no_password() -> str:
    raise ValueError("client_key must not be encrypted")


def _holds_files(directory: str | None) -> bool:
    return directory is not None and any(Path(directory).glob("*.0"))


_PEM_HINT = "give readable PEM files"
_BUNDLES = (
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
)
