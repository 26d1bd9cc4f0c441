"""Wrong types and ranges at the API: an error that names the argument, before anything is sent."""

from __future__ import annotations

import inspect
from array import array
from typing import TYPE_CHECKING, Any

import pytest

import c2c
from c2c import Call, TLSConfig, WebRTCClient, WebRTCClientConfig, create_webrtc_client
from support.client import answered_call
from support.fake_endpoint import URL

if TYPE_CHECKING:
    from support.fake_endpoint import FakeEndpoint
    from support.fake_engine import FakeEngine

NAN, INFINITE = float("nan"), float("inf")
Bad = list[tuple[Any, type[Exception]]]
SECONDS: Bad = [
    *(("10", TypeError), (True, TypeError)),
    *((0, ValueError), (-1, ValueError), (NAN, ValueError), (INFINITE, ValueError)),
]
OR_NEVER: Bad = [(value, kind) for value, kind in SECONDS if value != 0]
COUNTS: Bad = [
    *(("600", TypeError), (1.5, TypeError), (True, TypeError)),
    *((0, ValueError), (-1, ValueError), (10**9, ValueError)),
]
FLAGS: Bad = [(1, TypeError), ("yes", TypeError), (None, TypeError)]
RATES: Bad = [("8000", TypeError), (8_000.0, TypeError), (True, TypeError), (7, ValueError), (-8_000, ValueError)]

# each option of a client, and values that it refuses
OPTIONS: dict[str, Bad] = {
    "endpoint_url": [(7, TypeError), (b"https://a/b", TypeError)],
    "user_id": [(7, TypeError), (b"me", TypeError), ("a\nb", ValueError), ("x" * 257, ValueError)],
    "capture_audio": FLAGS,
    "pc_config": [([], TypeError), (7, TypeError), ({"iceServers": 7}, TypeError), ({"iceServer": []}, ValueError)],
    "tls": [("ca.pem", TypeError), ({}, TypeError)],
    "on_handler_error": [("ignore", ValueError), (None, ValueError), (7, ValueError)],
    "config_timeout": SECONDS,
    "connect_timeout": SECONDS,
    "register_expires": COUNTS,
    "session_expires": COUNTS,
    "local_address": [(7, TypeError), ("localhost", ValueError), ("256.0.0.1", ValueError)],
    "proxy": [(7, TypeError), ("https://p", ValueError), ("http://", ValueError), ("http://p:x", ValueError)],
    "allowed_hosts": [("a.example", TypeError), ([7], TypeError), ([""], ValueError), (7, TypeError)],
    "block_private_addresses": FLAGS,
    "call_setup_timeout": SECONDS,
    "disconnect_after_call": FLAGS,
    "end_on_info_rejected": FLAGS,
    "end_on_info_timeout": FLAGS,
    "accept_incoming": FLAGS,
    "refuse_md5": FLAGS,
    "ip_version": [("4", TypeError), (True, TypeError), (5, ValueError), (0, ValueError)],
    "port_range": [
        *((40_000, TypeError), ([1, 2], TypeError), ((1, 2, 3), TypeError), ((1.5, 2), TypeError)),
        *(((True, 9), TypeError), ((0, 9), ValueError), ((9, 8), ValueError), ((1, 65_536), ValueError)),
    ],
    "reconnect_limit": OR_NEVER,
    "keep_alive": OR_NEVER,
    "keep_alive_kind": [("pong", ValueError), (None, ValueError), (7, ValueError)],
}  # fmt: skip

TONES: dict[str, Bad] = {
    "send_dtmf.tones": [(1, TypeError), (None, TypeError)],
    "send_dtmf.duration": [("0.1", TypeError), (True, TypeError), (-1, ValueError), (NAN, ValueError)],
    "send_dtmf.inter_tone_gap": [("0.1", TypeError), (-1, ValueError), (INFINITE, ValueError)],
    "send_dtmf.transport_type": [("SIP", ValueError), (None, ValueError)],
}
# each argument of each method, by `method.argument`; what else the call takes stands in ALSO
ARGUMENTS: dict[str, Bad] = {
    "on.event": [(7, TypeError), (None, TypeError), (int, TypeError), ("answer", ValueError), ("", ValueError)],
    "on.handler": [(None, TypeError), ("print", TypeError)],
    "off.event": [(7, TypeError), ("answer", ValueError)],
    "subscribe.listener": [(None, TypeError), (7, TypeError)],
    "set_user_id.user_id": [(None, TypeError), (7, TypeError), ("", ValueError), ("a\0", ValueError)],
    "send_info.text": [(None, TypeError), (7, TypeError), (b"text", TypeError)],
    "send_info.data": [(7, TypeError), ([], TypeError), ({"a": object()}, TypeError), ({"a": NAN}, ValueError)],
    **TONES,
}
OF_A_CALL: dict[str, Bad] = {
    **TONES,
    "audio.rate": RATES,
    "play.sound": [(7, TypeError), (None, TypeError), (b"odd", ValueError), (array("f", [0.0]), TypeError)],
    "play.rate": [("8000", TypeError), (8_000.0, TypeError), (None, TypeError)],
    "write.pcm": [("text", TypeError), (None, TypeError), (b"odd", ValueError), (array("d", [0.0]), TypeError)],
    "write.rate": RATES,
    "record.path": [(7, TypeError), (b"a.wav", TypeError), ("", ValueError), ("a\0.wav", ValueError)],
    "record.rate": RATES,
    "record.stereo": FLAGS,
    "reject.status": [("486", TypeError), (True, TypeError), (486.0, TypeError), (200, ValueError), (700, ValueError)],
}
ALSO: dict[str, dict[str, Any]] = {
    "on.event": {"handler": print},
    "on.handler": {"event": "answered"},
    "off.event": {"handler": print},
    "send_info.data": {"text": ""},
    "send_dtmf.duration": {"tones": "1"},
    "send_dtmf.inter_tone_gap": {"tones": "1"},
    "send_dtmf.transport_type": {"tones": "1"},
    "play.sound": {"rate": 8_000},
    "play.rate": {"sound": bytes(320)},
    "write.rate": {"pcm": bytes(320)},
    "record.rate": {"path": "call.wav"},
    "record.stereo": {"path": "call.wav"},
}
TLS: dict[str, Bad] = {
    "ca_file": [(7, TypeError), (b"ca.pem", TypeError)],
    "ca_pem": [(7, TypeError), (["..."], TypeError)],
    "client_cert": [(7, TypeError), ("client.pem", ValueError)],
    "client_key": [(7, TypeError), ("client.key", ValueError)],
}


def rows(table: dict[str, Bad]) -> list[Any]:
    return [
        pytest.param(name, value, kind, id=f"{name}={str(value)[:20]!r}")
        for name, values in table.items()
        for value, kind in values
    ]


@pytest.mark.parametrize(("option", "value", "kind"), rows(OPTIONS))
def test_options(option: str, value: object, kind: type[Exception]) -> None:
    options: dict[str, Any] = {"endpoint_url": URL, option: value}
    with pytest.raises(kind, match=rf"^{option}\b"):
        create_webrtc_client(**options)
    with pytest.raises(kind, match=rf"^{option}\b"):
        WebRTCClientConfig(**options)


@pytest.mark.parametrize(("option", "value", "kind"), rows(TLS))
def test_tls(option: str, value: object, kind: type[Exception]) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(kind, match=rf"^tls: .*\b{option}\b"):
        TLSConfig(**options)


def test_a_client_needs_its_config() -> None:
    with pytest.raises(TypeError, match=r"^config: must be WebRTCClientConfig, not str"):
        WebRTCClient("https://a/b")  # type: ignore[arg-type]


async def refused(target: object, name: str, value: object, kind: type[Exception]) -> None:
    method, argument = name.split(".")
    with pytest.raises(kind, match=rf"^({argument}\b|userId must be)"):
        result = getattr(target, method)(**{argument: value, **ALSO.get(name, {})})
        if inspect.isawaitable(result):
            await result


@pytest.mark.parametrize(("name", "value", "kind"), rows(ARGUMENTS))
async def test_methods(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, name: str, value: object, kind: type[Exception]
) -> None:
    async with client:
        if name.startswith("send_"):
            await answered_call(client, engine)
        before = engine.names()
        await refused(client, name, value, kind)
        assert engine.names() == before


@pytest.mark.parametrize(("name", "value", "kind"), rows(OF_A_CALL))
async def test_methods_of_a_call(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, name: str, value: object, kind: type[Exception]
) -> None:
    async with client:
        call = await answered_call(client, engine)
        before = engine.names()
        await refused(call, name, value, kind)
        assert engine.names() == before


def arguments_of(kind: type) -> set[str]:
    return {
        f"{name}.{argument}"
        for name, method in vars(kind).items()
        if not name.startswith("_") and callable(method)
        for argument in list(inspect.signature(method).parameters)[1:]
    }


def test_the_tables_name_every_argument() -> None:
    assert inspect.signature(create_webrtc_client).parameters.keys() == OPTIONS.keys()
    # taking back what nobody has is nothing wrong
    assert arguments_of(WebRTCClient) - {"off.handler"} == ARGUMENTS.keys()
    assert arguments_of(Call) == OF_A_CALL.keys()
    assert TLSConfig.__dataclass_fields__.keys() == TLS.keys()
    assert issubclass(c2c.ConfigError, c2c.C2CError)
