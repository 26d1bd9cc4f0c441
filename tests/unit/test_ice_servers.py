"""`pc_config` in its spellings, and what is refused of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import c2c
from c2c import IceServer, PeerConnectionConfig, WebRTCClientConfig, create_webrtc_client
from c2c._c2c import IceSettings, SipSettings
from c2c._ice_servers import ice_settings

URL = "https://endpoint.example/token"
SECRET = "credential-sentinel"
TURN: dict[str, Any] = {"urls": "turn:turn.example?transport=tcp", "username": "user-sentinel", "credential": SECRET}


def peer_connection(pc_config: Any) -> PeerConnectionConfig | None:
    return WebRTCClientConfig(endpoint_url=URL, pc_config=pc_config).peer_connection


def test_the_browsers_spelling_is_the_same_as_ours() -> None:
    ours = PeerConnectionConfig(
        ice_servers=[IceServer(urls=["stun:a", "stun:b:5000"]), IceServer(**TURN)], ice_transport_policy="relay"
    )
    for servers in (
        [{"urls": ["stun:a", "stun:b:5000"]}, TURN],
        ({"urls": ("stun:a", "stun:b:5000")}, IceServer(**TURN)),
    ):
        assert peer_connection({"iceServers": servers, "iceTransportPolicy": "relay"}) == ours
    assert peer_connection(ours) == ours
    assert ours.ice_servers[1].urls == ("turn:turn.example?transport=tcp",)


@pytest.mark.parametrize("pc_config", [None, {}, {"iceServers": []}, PeerConnectionConfig()])
def test_no_servers_are_fine(pc_config: Any) -> None:
    config = peer_connection(pc_config)
    assert config is None or config == PeerConnectionConfig()


@pytest.mark.parametrize(
    "url",
    [
        "stun:stun.example",
        "stuns:stun.example:5349",
        "turn:turn.example:3478?transport=udp",
        "turn:[2001:db8::1]:3478?transport=tcp",
        "turns:192.0.2.1",
        "TURNS:turn.example?transport=tcp",
    ],
)
def test_every_kind_of_server(url: str) -> None:
    assert peer_connection({"iceServers": [{"urls": url, "username": "me", "credential": SECRET}]}) is not None


def test_what_a_browser_knows_and_we_do_not_need_has_no_effect() -> None:
    pc_config = {"bundlePolicy": "max-bundle", "rtcpMuxPolicy": "require", "iceCandidatePoolSize": 4}
    assert peer_connection(pc_config) == PeerConnectionConfig()


def element(servers: Any, **more: Any) -> dict[str, Any]:
    return {"iceServers": servers, **more}


STUN = {"urls": "stun:a"}


@pytest.mark.parametrize(
    ("pc_config", "kind", "named"),
    [
        (7, TypeError, "pc_config"),
        (element({}), TypeError, 'pc_config["iceServers"]'),
        (element(["stun:a"]), TypeError, 'pc_config["iceServers"][0]'),
        (element([STUN, {}]), ValueError, 'pc_config["iceServers"][1]["urls"]'),
        (element([STUN, {"urls": 7}]), TypeError, 'pc_config["iceServers"][1]["urls"]'),
        (element([STUN, {"urls": ["stun:a", 7]}]), TypeError, 'pc_config["iceServers"][1]["urls"]'),
        (element([{"urls": "https://a"}]), ValueError, 'pc_config["iceServers"][0]["urls"]'),
        (element([{"urls": ["stun:a", "stun:a:0"]}]), ValueError, 'pc_config["iceServers"][0]["urls"][1]'),
        (element([{"urls": "stun:a?transport=tcp"}]), ValueError, 'pc_config["iceServers"][0]["urls"]'),
        (element([{"urls": "turn:me:pass@turn.example"}]), ValueError, 'pc_config["iceServers"][0]["urls"]'),
        (element([{"urls": "turn:a", "username": "me"}]), ValueError, 'pc_config["iceServers"][0]["credential"]'),
        (element([{"urls": "turn:a", "credential": SECRET}]), ValueError, 'pc_config["iceServers"][0]["username"]'),
        (element([TURN | {"credential": 7}]), TypeError, 'pc_config["iceServers"][0]["credential"]'),
        (element([TURN | {"username": "x" * 600}]), ValueError, 'pc_config["iceServers"][0]["username"]'),
        (element([TURN | {"credentialType": "oauth"}]), ValueError, 'pc_config["iceServers"][0]["credentialType"]'),
        (element([{"url": "stun:a"}]), ValueError, 'pc_config["iceServers"][0]["url"]'),
        (element([{"urls": ["stun:a"] * 17}]), ValueError, 'pc_config["iceServers"]'),
        ({"ice_servers": []}, ValueError, 'pc_config["ice_servers"]'),
        (element([STUN], iceTransportPolicy="none"), ValueError, 'pc_config["iceTransportPolicy"]'),
        (element([STUN], iceTransportPolicy="relay"), ValueError, 'pc_config["iceTransportPolicy"]'),
        (PeerConnectionConfig(ice_servers=[IceServer(urls="ftp:a")]), ValueError, "pc_config.ice_servers[0].urls"),
        (PeerConnectionConfig(ice_transport_policy="relay"), ValueError, "pc_config.ice_transport_policy"),
    ],
    ids=repr,
)
def test_what_is_wrong_is_refused_by_name(pc_config: Any, kind: type[Exception], named: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(named)}: ") as caught:
        create_webrtc_client(URL, pc_config=pc_config)
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)


def test_the_readmes_example_is_taken() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    [example] = re.findall(r"## NAT and TURN\n```python\n(.*?)```", readme, re.DOTALL)
    names: dict[str, Any] = {"c2c": c2c}
    exec(example, names)
    assert isinstance(names["client"], c2c.WebRTCClient)


def test_our_own_classes_check_types() -> None:
    with pytest.raises(TypeError, match=r"^urls: "):
        IceServer(urls=7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^credential: "):
        IceServer(urls="stun:a", credential=b"x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^ice_servers: "):
        PeerConnectionConfig(ice_servers=["stun:a"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"^ice_transport_policy: "):
        PeerConnectionConfig(ice_transport_policy="none")  # type: ignore[arg-type]


def test_secrets_are_not_shown() -> None:
    config = WebRTCClientConfig(endpoint_url=URL, pc_config={"iceServers": [TURN]})
    settings = ice_settings(config.peer_connection)
    assert isinstance(settings, IceSettings)
    sip = SipSettings(websocket_uri="wss://a", user="u", realm="r", ice=settings)
    for shown in (repr(config), repr(config.peer_connection), repr(settings), repr(sip)):
        assert "sentinel" not in shown
    assert "turn:turn.example:3478?transport=tcp" in repr(settings)
    assert c2c.create_webrtc_client(URL, pc_config={"iceServers": [TURN]}).__repr__().count("sentinel") == 0
