"""Duty 15: no text makes a header field, a line or a message of its own."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

import c2c
from c2c import create_webrtc_client
from support.client import answered_call
from support.fake_endpoint import URL

if TYPE_CHECKING:
    from c2c import WebRTCClient
    from support.fake_endpoint import FakeEndpoint
    from support.fake_engine import FakeEngine

ATTACKS = ["x\r\nInjected: 1", "x\nInjected: 1", "x\rInjected: 1", "x\0", "x\r\n\r\nINVITE sip:b SIP/2.0"]
attacks = pytest.mark.parametrize("attack", ATTACKS)

PATHS = [
    "organisationId",
    "projectId",
    "endpointSettings.endpointId",
    "endpointSettings.sipConnectivityInfo.wsUri",
    "endpointSettings.sipConnectivityInfo.realm",
    "endpointSettings.sipConnectivityInfo.username",
    "endpointSettings.sipConnectivityInfo.password",
    "endpointSettings.sipConnectivityInfo.applicationSid",
]


@attacks
def test_duty_15_in_a_user_id(attack: str) -> None:
    with pytest.raises(ValueError, match=r"^user_id: "):
        create_webrtc_client(URL, user_id=attack)


@attacks
@pytest.mark.parametrize("path", PATHS)
async def test_duty_15_in_what_the_endpoint_answers(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, path: str, attack: str
) -> None:
    *parents, name = path.split(".")
    place = endpoint.config
    for parent in parents:
        place = place[parent]
    place[name] = f"wss://{attack}" if name == "wsUri" else attack
    async with client:
        with pytest.raises(c2c.ConfigInvalid) as caught:
            await client.connect()
    assert caught.value.path == path
    assert "connect" not in engine.names()


@attacks
async def test_duty_15_in_the_endpoint_s_name(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, attack: str
) -> None:
    """It becomes part of the generated user, of which only letters, digits and hyphens are left."""
    endpoint.config["endpointSettings"]["endpointName"] = attack
    async with client:
        await client.connect()
        assert re.fullmatch("webrtc-sdk-[a-z0-9-]+", engine.commands[0][1].user)


@attacks
async def test_duty_15_in_tones_and_texts(client: WebRTCClient, engine: FakeEngine, attack: str) -> None:
    async with client:
        call = await answered_call(client, engine)
        with pytest.raises(c2c.C2CError, match="Invalid tones"):
            await call.send_dtmf(attack)
        await client.send_info(attack, {attack: attack})
        *_, content_type, body = engine.commands[-1]
        assert content_type == "application/json"
        assert b"\r" not in body
        assert b"\n" not in body
        assert json.loads(body) == {"text": attack, "data": {attack: attack}}
