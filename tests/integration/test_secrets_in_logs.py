"""No secret reaches a log at any level, a repr or an exception."""

from __future__ import annotations

import logging
import traceback

import pytest

import c2c
from c2c.gateway import BadAnswer, ConfigValue, EndpointConfig, MalformedSip, Ring, serve
from support.gateway import caller

PASSWORD = "correct-horse-battery-staple"
TOKEN = "c0ffee0token0c0ffee0token"
USERNAME = "username-to-be-kept-out-of-logs"
USER_ID = "somebody-to-be-kept-out-of-logs"


async def test_duty_12_a_whole_call_logs_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    config = EndpointConfig(username=USERNAME, password=PASSWORD, url_token=TOKEN)
    with caplog.at_level(logging.NOTSET):
        async with (
            serve(c2c.gateway.Agent(Ring(0.1)), config=config, misbehave=[MalformedSip()]) as gateway,
            caller(gateway, user_id=USER_ID) as one,
        ):
            call, far_side = await one.answered()
            shown = [repr(one.client), repr(call), repr(gateway), repr(far_side), repr(config), repr(gateway.tls)]
            await one.client.end_call()
            await one.client.disconnect()
    assert any(record.name.startswith("c2c") for record in caplog.records), "c2c tells nothing at the lowest level"
    _assert_clean([*_formatted(caplog.records), *shown])


async def test_duty_12_failures_tell_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    config = EndpointConfig(username=USERNAME, password=PASSWORD, url_token=TOKEN)
    told: list[str] = []
    wrong = ConfigValue("endpointSettings.sipConnectivityInfo.password", PASSWORD + "!")
    with caplog.at_level(logging.NOTSET):
        async with serve(config=config, misbehave=[wrong]) as gateway, caller(gateway, user_id=USER_ID) as one:
            with pytest.raises(c2c.RegistrationRejected) as caught:
                await one.client.connect()
            told += _with_locals(caught.value)
        async with (
            serve(config=config, misbehave=[BadAnswer("garbage")]) as gateway,
            caller(gateway, user_id=USER_ID) as one,
        ):
            call = await one.client.connect_and_call()
            with pytest.raises(c2c.CallFailed) as failed:
                await call.wait_answered()
            told += _with_locals(failed.value)
    _assert_clean([*_formatted(caplog.records), *told])


def _with_locals(error: BaseException) -> list[str]:
    """Its traceback with the local variables of our frames, and without those of the test."""
    assert error.__traceback__ is not None
    error.__traceback__ = error.__traceback__.tb_next
    return list(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def _formatted(records: list[logging.LogRecord]) -> list[str]:
    """As a handler writes them: with exceptions, stacks and what came as `extra`."""
    formatter = logging.Formatter("%(name)s %(levelname)s %(message)s")
    return [f"{formatter.format(record)} {record.args} {vars(record)}" for record in records]


def _assert_clean(texts: list[str]) -> None:
    for text in texts:
        for secret in (PASSWORD, TOKEN, USERNAME, USER_ID, "response=", "a=ice-pwd", "nonce="):
            assert secret not in text
