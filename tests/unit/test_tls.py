from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme
import truststore

from c2c import ConfigError, TLSConfig
from c2c._tls import Trust, has_trust_roots

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def _no_ssl_cert_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


def ca_file(authority: trustme.CA, directory: Path) -> Path:
    path = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def roots(context: ssl.SSLContext) -> int:
    return context.cert_store_stats()["x509_ca"]


def test_the_platforms_roots_are_the_default() -> None:
    context = Trust(None).ssl_context()
    assert isinstance(context, truststore.SSLContext)
    assert repr(Trust(None).settings()) == "TlsSettings(ca_pem=None, client_cert_pem=None)"
    assert has_trust_roots()


def test_a_ca_replaces_the_roots(authority: trustme.CA, tmp_path: Path) -> None:
    pem = authority.cert_pem.bytes()
    for config in (
        TLSConfig(ca_pem=pem),
        TLSConfig(ca_pem=pem.decode()),
        TLSConfig(ca_file=ca_file(authority, tmp_path)),
    ):
        context = Trust(config).ssl_context()
        assert roots(context) == 1
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.check_hostname
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert repr(Trust(config).settings()) == "TlsSettings(ca_pem=..., client_cert_pem=None)"


def test_ssl_cert_file_is_for_both(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(authority, tmp_path)))
    trust = Trust(None)
    assert roots(trust.ssl_context()) == 1
    assert repr(trust.settings()).startswith("TlsSettings(ca_pem=...")


def test_a_client_certificate(authority: trustme.CA, tmp_path: Path) -> None:
    mine = authority.issue_cert("client.example")
    mine.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    mine.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    trust = Trust(TLSConfig(client_cert=tmp_path / "cert.pem", client_key=tmp_path / "key.pem"))
    assert trust.ssl_context()
    assert repr(trust.settings()) == "TlsSettings(ca_pem=None, client_cert_pem=***)"


@pytest.mark.parametrize(
    "options", [{"ca_file": "a", "ca_pem": "b"}, {"client_cert": "a"}, {"client_key": "a"}], ids=str
)
def test_options_that_contradict_each_other(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^tls: "):
        TLSConfig(**options)


@pytest.mark.parametrize("option", ["ca_file", "client_cert", "client_key"])
def test_an_unreadable_file_is_named(tmp_path: Path, option: str) -> None:
    (tmp_path / "there.pem").write_text("key-sentinel")
    files: dict[str, Any] = {"client_cert": tmp_path / "there.pem", "client_key": tmp_path / "there.pem"}
    with pytest.raises(ConfigError, match=rf"^tls: {option}: .*absent\.pem: No such file"):
        Trust(TLSConfig(**(files if option != "ca_file" else {}) | {option: tmp_path / "absent.pem"}))


@pytest.mark.parametrize("option", ["ca_pem", "client_key"])
def test_what_is_no_pem(tmp_path: Path, authority: trustme.CA, option: str) -> None:
    path = tmp_path / "key.pem"
    path.write_text("key-sentinel")
    authority.issue_cert("client.example").cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    config = (
        TLSConfig(ca_pem="key-sentinel")
        if option == "ca_pem"
        else TLSConfig(client_cert=tmp_path / "cert.pem", client_key=path)
    )
    with pytest.raises(ConfigError, match=r"^tls: ") as caught:
        Trust(config).ssl_context()
    assert "sentinel" not in str(caught.value)
    assert caught.value.hint == "give readable PEM files"


def test_an_encrypted_key_is_refused(tmp_path: Path, authority: trustme.CA) -> None:
    from cryptography.hazmat.primitives import serialization

    mine = authority.issue_cert("client.example")
    mine.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    key = serialization.load_pem_private_key(mine.private_key_pem.bytes(), None)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    config = TLSConfig(client_cert=tmp_path / "cert.pem", client_key=tmp_path / "key.pem")
    with pytest.raises(ConfigError, match="client_key must not be encrypted"):
        Trust(config).ssl_context()
