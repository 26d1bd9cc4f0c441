"""Calls and connections that fail, each by its real cause."""

from __future__ import annotations

from typing import Literal

import pytest
import trio

import c2c
from c2c.gateway import (
    Answer,
    BadAnswer,
    BadAnswerKind,
    ConfigValue,
    DropWebSocket,
    EndpointConfig,
    GatewaySettings,
    HostileDatagrams,
    IgnoreInvite,
    IgnoreRegister,
    MalformedSip,
    Misbehaviour,
    Moment,
    NoSubprotocol,
    RefuseUpgrade,
    Reject,
    RejectRegister,
    Ring,
    StaleNonce,
    Step,
    serve,
    tone,
)
from support.gateway import caller, served
from support.sound import level_at


async def test_the_callee_is_busy() -> None:
    async with served(Ring(0.1), Reject(486, "Busy Here")) as one:
        call = await one.client.connect_and_call()
        with pytest.raises(c2c.CallFailed) as caught:
            await call.wait_answered()
        assert (caught.value.cause, caught.value.sip_status) == ("Busy", 486)
        session, end_info = one.failed()
        assert session.status == "failed"
        assert (end_info.originator, end_info.cause, end_info.description) == ("remote", "Busy", "486")


async def test_cancel_while_it_rings() -> None:
    async with served(Ring(60)) as one:
        ringing = trio.Event()
        one.client.on("ringing", lambda _: ringing.set())
        call = await one.client.connect_and_call()
        far_side = await one.gateway.wait_call()
        await ringing.wait()
        await one.client.end_call()
        _, end_info = one.failed()
        assert (end_info.originator, end_info.cause) == ("local", "Canceled")
        end = await far_side.wait_ended()
        assert (end.how, end.status, end.by) == ("CANCEL", 487, "remote")
        assert call.session.status == "failed"


@pytest.mark.parametrize("status", [401, 403])
async def test_wrong_password(status: Literal[401, 403]) -> None:
    settings = GatewaySettings(wrong_credentials_status=status)
    wrong = ConfigValue("endpointSettings.sipConnectivityInfo.password", "wrong")
    async with served(misbehave=[wrong], settings=settings) as one:
        with pytest.raises(c2c.RegistrationRejected, match="Failed to connect: Registration failed: ") as caught:
            await one.client.connect()
        assert caught.value.stage == "register"
        assert [(refusal.method, refusal.status) for refusal in one.gateway.refusals] == [("REGISTER", status)]
        assert not one.gateway.registrations


@pytest.mark.parametrize("moment", ["answered", "media-connected"])
async def test_the_websocket_is_dropped_in_a_call(moment: Moment) -> None:
    async with served(misbehave=[DropWebSocket(moment)]) as one:
        call = await one.client.connect_and_call()
        far_side = await one.gateway.wait_call()
        assert (await far_side.wait_ended()).how == "websocket lost"
        # the client comes back, but this far side has ended the call with the connection
        end_info = await call.wait_ended()
        assert end_info.cause == "Dialog Error"


@pytest.mark.parametrize(
    "kind", ["missing", "garbage", "no-common-codec", "no-fingerprint", "no-ice-credentials", "audio-refused"]
)
async def test_an_answer_that_cannot_be_used(kind: BadAnswerKind) -> None:
    async with served(misbehave=[BadAnswer(kind)]) as one:
        call = await one.client.connect_and_call()
        end_info = await call.wait_ended()
        assert end_info.cause == "Bad Media Description"
        far_side = await one.gateway.wait_call()
        assert (await far_side.wait_ended()).how == "BYE"


@pytest.mark.parametrize(
    ("steps", "misbehave"),
    [((Ring(0.1), Answer()), [BadAnswer("no-common-codec")]), ((Reject(488),), []), ((Reject(606),), [])],
)
async def test_no_codec_in_common(steps: tuple[Step, ...], misbehave: list[Misbehaviour]) -> None:
    async with served(*steps, misbehave=misbehave) as one:
        call = await one.client.connect_and_call()
        with pytest.raises(c2c.CallFailed) as caught:
            await call.play(tone(1000, 1))
        assert type(caught.value.__cause__) is c2c.NoCommonCodec


async def test_an_answer_that_is_no_sdp_is_no_matter_of_codecs() -> None:
    async with served(misbehave=[BadAnswer("garbage")]) as one:
        call = await one.client.connect_and_call()
        with pytest.raises(c2c.CallFailed) as caught:
            await call.wait_answered()
        assert type(caught.value.__cause__) is c2c.MediaError


async def test_a_wrong_fingerprint_gives_no_keys() -> None:
    async with served(misbehave=[BadAnswer("wrong-fingerprint")]) as one:
        call = await one.client.connect_and_call()
        with pytest.raises(c2c.DtlsFailed) as caught:
            await call.play(tone(1000, 1))
        assert caught.value.stage == "dtls"
        stats = call.stats()
        assert (stats.srtp_profile, stats.packets_sent, stats.packets_received) == ("", 0, 0)


async def test_malformed_sip_does_no_harm() -> None:
    async with served(misbehave=[MalformedSip()]) as one:
        _, far_side = await one.answered()
        await one.client.send_info("still here", {})
        assert (await far_side.wait_info()).json()["text"] == "still here"
        await one.client.end_call()
        assert (await far_side.wait_ended()).how == "BYE"


async def test_hostile_datagrams_do_no_harm() -> None:
    async with served(misbehave=[HostileDatagrams()]) as one:
        call, far_side = await one.answered()
        await call.play(tone(1000, 1))
        await one.client.end_call()
        await far_side.wait_ended()
        assert far_side.heard is not None
        middle = far_side.heard.between(0.3, 0.8)
        assert level_at(1000, middle.samples, middle.rate) == pytest.approx(-20, abs=1.5)
        assert call.stats().packets_rejected >= 5


async def test_two_clients_in_one_process_do_not_disturb_each_other() -> None:
    async with (
        serve(misbehave=[MalformedSip(), HostileDatagrams()]) as noisy,
        serve() as quiet,
        caller(noisy) as disturbed,
        caller(quiet) as other,
    ):
        call, far_side = await other.answered()
        disturbed_call, _ = await disturbed.answered()
        noisy.drop_websockets()
        await call.play(tone(1000, 1))
        await other.client.end_call()
        await far_side.wait_ended()
        assert far_side.heard is not None
        middle = far_side.heard.between(0.3, 0.8)
        assert level_at(1000, middle.samples, middle.rate) == pytest.approx(-20, abs=1.5)
        assert (await disturbed_call.wait_ended()).cause == "Dialog Error"
        assert other.ended()[1].cause == "Terminated"


async def test_register_is_rejected() -> None:
    async with served(misbehave=[RejectRegister(503, "Max Devices Registered")]) as one:
        with pytest.raises(c2c.RegistrationRejected) as caught:
            await one.client.connect()
        assert caught.value.sip_status == 503


async def test_register_is_never_answered() -> None:
    async with served(misbehave=[IgnoreRegister()], options={"connect_timeout": 0.5}) as one:
        with pytest.raises(c2c.ConnectTimeout, match="Operation timed out after 500ms"):
            await one.client.connect()


async def test_a_stale_nonce_is_no_failure() -> None:
    async with served(misbehave=[StaleNonce()]) as one:
        await one.client.connect()
        assert one.client.is_connected()


@pytest.mark.parametrize("misbehaviour", [RefuseUpgrade(404), NoSubprotocol()])
async def test_the_upgrade_is_refused(misbehaviour: Misbehaviour) -> None:
    async with served(misbehave=[misbehaviour]) as one:
        with pytest.raises(c2c.ConnectFailed) as caught:
            await one.client.connect()
        assert caught.value.stage == "websocket"


async def test_an_invite_that_is_never_answered_can_be_given_up() -> None:
    async with served(misbehave=[IgnoreInvite()]) as one:
        call = await one.client.connect_and_call()
        await one.client.end_call()
        assert (await call.wait_ended()).cause == "Canceled"


async def test_another_ca_is_not_trusted() -> None:
    async with serve() as gateway, serve() as other:
        client = c2c.create_webrtc_client(gateway.endpoint_url, tls=other.tls)
        async with client:
            with pytest.raises(c2c.ConfigFetchError):
                await client.connect()


async def test_runtime_endpoints_do_not_register() -> None:
    config = EndpointConfig(kind="runtime")
    async with served(config=config) as one:
        _, far_side = await one.answered()
        assert not one.gateway.registrations
        assert far_side.target == f"sip:{config.endpoint_id}@127.0.0.1"
        assert far_side.header("X-Endpoint-Id") == config.endpoint_id
        assert "registered" not in one.told.names
