"""Turns scripts, misbehaviours and settings into the values that `c2c._c2c` takes."""

from __future__ import annotations

from collections.abc import Iterable

from c2c import _c2c

from . import _misbehaviour as wrong
from . import _script as script
from ._endpoint_config import EndpointConfig
from ._settings import GatewaySettings
from ._sound import clip_of


def gateway_settings(
    agent: script.Agent,
    misbehave: Iterable[wrong.Misbehaviour],
    config: EndpointConfig,
    settings: GatewaySettings,
) -> _c2c.GatewaySettings:
    """Everything that the Rust side is told before it starts. Raises ValueError for what is out of range."""
    is_legacy = config.kind == "legacy"
    return _c2c.GatewaySettings(
        realm=config.realm,
        users=[(config.username, config.password)] if is_legacy else [],
        steps=[step_of(step) for step in agent.steps],
        misbehaviours=[made for one in misbehave if (made := misbehaviour_of(one)) is not None],
        codecs=list(agent.codecs),
        algorithms=list(settings.algorithms),
        qop=settings.qop,
        wrong_credentials_status=settings.wrong_credentials_status,
        challenge_as_proxy=settings.challenge_as_proxy,
        nonce_lifetime=settings.nonce_lifetime,
        register_expires=settings.register_expires,
        session_expires=settings.session_expires,
        refreshed_by_gateway=settings.refresher == "gateway",
        hearing_rate=settings.hearing_rate,
        hearing_seconds=settings.hearing_seconds,
    )


def step_of(step: script.Step) -> _c2c.GatewayStep:
    """One step of a script."""
    make = _c2c.GatewayStep
    match step:
        case script.Ring(seconds):
            return make.ring(seconds)
        case script.Reject(status, reason):
            return make.reject(status, reason)
        case script.Play(sound, background):
            return make.play(clip_of(sound), background)
        case script.Wait(seconds):
            return make.wait(seconds)
        case script.Listen(at_most, silence):
            return make.listen(at_most, silence)
        case script.Echo(seconds):
            return make.echo(seconds)
        case script.SendInfo() | script.Metadata() | script.Transcription():
            return make.send_info(*script.info_of(step))
        case script.AwaitInfo(at_most):
            return make.await_info(at_most)
        case script.HangUp(cause, text, protocol):
            return make.hang_up(cause, text, protocol)
        case script.Answer():
            return make.answer()
        case script.Hold():
            return make.hold()
        case script.Resume():
            return make.resume()
        case script.Refresh():
            return make.refresh()


def misbehaviour_of(one: wrong.Misbehaviour) -> _c2c.GatewayMisbehaviour | None:
    """One misbehaviour, unless it is the config endpoint's."""
    make = _c2c.GatewayMisbehaviour
    match one:
        case wrong.RefuseUpgrade(status):
            return make.refuse_upgrade(status)
        case wrong.RejectRegister(status, reason):
            return make.reject_register(status, reason)
        case wrong.IntervalTooBrief(min_expires):
            return make.interval_too_brief(min_expires)
        case wrong.BadAnswer(kind):
            return make.bad_answer(kind)
        case wrong.RejectInfo(status):
            return make.reject_info(status)
        case wrong.DropWebSocket(moment):
            return make.drop_websocket(moment)
        case wrong.MediaLoss(share):
            return make.media_loss(share)
        case wrong.MediaJitter(seconds):
            return make.media_jitter(seconds)
    name = _PLAIN.get(type(one))
    return make.plain(name) if name else None


_PLAIN: dict[type, str] = {
    wrong.NoSubprotocol: "no-subprotocol",
    wrong.IgnoreRegister: "ignore-register",
    wrong.StaleNonce: "stale-nonce",
    wrong.IgnoreInvite: "ignore-invite",
    wrong.StallInvite: "stall-invite",
    wrong.IgnoreInfo: "ignore-info",
    wrong.IgnoreBye: "ignore-bye",
    wrong.MalformedSip: "malformed-sip",
    wrong.HostileDatagrams: "hostile-datagrams",
}
