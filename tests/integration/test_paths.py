"""Which addresses and ports a client keeps to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest

import c2c
from c2c.gateway import Agent, serve, tone
from support.gateway import caller, served

LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def free_port() -> int:
    """Returns a UDP port that no socket has, where the system itself gives none."""
    taken = udp_ports()
    return next(port for port in range(30_000 + os.getpid() % 1_000, 32_000) if port not in taken)


def udp_ports() -> set[int]:
    lines = [line for name in ("udp", "udp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    return {int(line.split()[1].rpartition(":")[2], 16) for line in lines}


async def test_a_call_takes_its_port_from_the_range_and_without_one_it_fails_alone() -> None:
    port = free_port()
    options = {"port_range": (port, port)}
    async with serve(Agent()) as gateway, caller(gateway, **options) as first, caller(gateway, **options) as second:
        call, far_side = await first.answered()
        assert port in udp_ports()
        refused = await second.client.connect_and_call()
        with pytest.raises(c2c.CallFailed) as caught:
            await refused.wait_answered()
        assert f"no port of {port}-{port} is free" in str(caught.value.end_info)
        assert "widen port_range" in str(caught.value.end_info)
        await call.play(tone(440, 0.1))
        await first.client.end_call()
        await far_side.wait_ended()
        again = await second.client.start_call()
        await again.wait_answered()


@pytest.mark.parametrize("version", [4, 6])
async def test_a_call_by_one_version_of_ip(version: Literal[4, 6]) -> None:
    async with served(host=LOOPBACK[version], options={"ip_version": version}) as one:
        call, far_side = await one.answered()
        await call.play(tone(440, 0.1))
        await one.client.end_call()
        await far_side.wait_ended()


@pytest.mark.parametrize("version", [4, 6])
async def test_a_server_of_the_other_version(version: Literal[4, 6]) -> None:
    async with served(host=LOOPBACK[10 - version], options={"ip_version": version}) as one:
        with pytest.raises(c2c.ConfigFetchError, match=f"ip_version={version}") as caught:
            await one.client.connect()
        assert "ip_version" in str(caught.value.hint)
