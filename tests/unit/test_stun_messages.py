"""The doctor's STUN messages against RFC 5769's vectors."""

from __future__ import annotations

from c2c.cli import _stun
from c2c.cli._ice_checks import Server

LONG_TERM_REQUEST = bytes.fromhex(
    "00010060 2112a442 78ad3433c6ad72c029da412e"
    "00060012 e3839ee38388e383aae38383e382afe382b90000"
    "0015001c 662f2f3439396b39353464364f4c33346f4c39465354767936347341"
    "0014000b 6578616d706c652e6f726700"
    "00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666"
)
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
IPV4_RESPONSE = bytes.fromhex(
    "0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
    "00200008 0001a147e112a643 00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96"
)
IPV6_RESPONSE = bytes.fromhex(
    "01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
    "00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c"
)


def test_a_request_with_long_term_credentials() -> None:
    credentials = _stun.Credentials(
        "\u30de\u30c8\u30ea\u30c3\u30af\u30b9", "TheMatrIX", b"example.org", b"f//499k954d6OL34oL9FSTvy64sA"
    )
    transaction = LONG_TERM_REQUEST[8:20]
    assert _stun.request(_stun.BINDING, transaction, credentials) == LONG_TERM_REQUEST
    assert "TheMatrIX" not in repr(credentials)


def test_responses() -> None:
    response = _stun.parsed(IPV4_RESPONSE, TRANSACTION)
    assert response is not None
    assert (response.code, response.mapped) == (None, "192.0.2.1:32853")
    response = _stun.parsed(IPV6_RESPONSE, TRANSACTION)
    assert response is not None
    assert response.mapped == "[2001:db8:1234:5678:11:2233:4455:6677]:32853"


def test_what_is_no_response_to_us() -> None:
    assert _stun.parsed(IPV4_RESPONSE, bytes(12)) is None
    assert _stun.parsed(LONG_TERM_REQUEST, LONG_TERM_REQUEST[8:20]) is None
    assert _stun.parsed(b"", TRANSACTION) is None
    for length in range(20, len(IPV4_RESPONSE)):
        assert _stun.parsed(IPV4_RESPONSE[:length], TRANSACTION) is not None


def test_servers() -> None:
    assert Server.from_url("stun:stun.example") == Server("stun", "stun.example", 3478, "udp")
    assert Server.from_url("turn:turn.example:80?transport=tcp") == Server("turn", "turn.example", 80, "tcp")
    assert Server.from_url("turns:[::1]") == Server("turns", "::1", 5349, "tls")
    assert Server.from_url("turn:[::1]:7?transport=udp") == Server("turn", "::1", 7, "udp")
