"""c2c's calls over a bad line: the caller in one namespace, Kamailio, Chromium and the endpoint in another."""

from __future__ import annotations

import json
import wave
from array import array
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from .caller import SETUP_STAGES, CallerProcess, CallPlan
from .conftest import RIGS
from .identity import FAR_ADDRESS
from .impairer import Impairer
from .rig import CALLEE, Rig
from .tone import sine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .browser import BrowserAgent

CALLER_HZ = 880.0


@pytest.fixture(scope="module")
def impairer() -> Iterator[Impairer]:
    with Impairer(seed="impaired calls") as running:
        assert running.link.far_address == FAR_ADDRESS
        yield running


@pytest.fixture(scope="module")
def far_rig(
    impairer: Impairer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Rig]:
    """A rig of its own on the far side of the link."""
    with ExitStack() as stack:
        with impairer.far.entered():
            rig = stack.enter_context(Rig(tmp_path_factory.mktemp("far-rig"), FAR_ADDRESS))
        rigs = request.config.stash.setdefault(RIGS, [])
        rigs.append(rig)
        stack.callback(rigs.remove, rig)
        yield rig


@pytest.fixture
def far_callee(far_rig: Rig, impairer: Impairer) -> Iterator[BrowserAgent]:
    impairer.link.reset()
    agent = far_rig.browser_agent(CALLEE)
    agent.wait_until_registered()
    yield agent
    impairer.link.reset()
    far_rig.close(agent)


@pytest.fixture
def caller(impairer: Impairer, far_rig: Rig, far_callee: BrowserAgent, tmp_path: Path) -> CallerProcess:
    """A call to the browser on the far side; it starts with `start`."""
    del far_callee
    clip = tmp_path / "tone.wav"
    with wave.open(str(clip), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", "not compressed"))
        file.writeframes(60 * array("h", sine(CALLER_HZ, 0.25, 48000, 1.0)).tobytes())
    url = far_rig.endpoint.url(CALLEE)
    return CallerProcess(tmp_path, CallPlan(url, str(far_rig.identity.ca_file), str(clip)))


def stages_of(told: dict[str, Any], what: str) -> list[float]:
    """The set-up's stages in their order, printed for people."""
    setup = told["setup"]
    print(f"{what}: " + ", ".join(f"{stage} {setup[stage] * 1e3:.1f} ms" for stage in SETUP_STAGES))
    return [setup[stage] for stage in SETUP_STAGES]


def test_a_round_trip_of_100_ms(impairer: Impairer, caller: CallerProcess, far_callee: BrowserAgent) -> None:
    impairer.link.set(delay=0.05)
    with impairer.near.entered():
        caller.start()
    with caller_running(caller):
        stages = stages_of(caller.wait_for("media"), "RTT 100 ms")
        tone = far_callee.wait_for_tone(CALLER_HZ)
        assert tone.rms == pytest.approx(0.177, rel=0.1)
        far_callee.hang_up()
        ended = caller.wait_for("ended")
    # one stage follows from the one before; the first packet in may come before ours is out
    assert stages[:5] == sorted(stages[:5])
    assert stages[4] <= min(stages[5:])
    # the INVITE and its answer, the answer and the first check's, take no less than a round trip each
    assert stages[1] - stages[0] >= 0.1
    assert stages[3] - stages[2] >= 0.1
    assert ended["packets_lost"] == 0


def test_a_fifth_of_all_packets_lost_during_setup(
    impairer: Impairer, caller: CallerProcess, far_callee: BrowserAgent
) -> None:
    before = impairer.link.statistics()
    impairer.link.set(delay=0.02, loss=0.2)
    with impairer.near.entered():
        caller.start()
    with caller_running(caller):
        stages_of(caller.wait_for("media"), "20 % loss each way")
        after = impairer.link.statistics()
        impairer.link.set(loss=0)
        assert far_callee.wait_for_tone(CALLER_HZ).rms == pytest.approx(0.177, rel=0.1)
        far_callee.hang_up()
        caller.wait_for("ended")
    lost = {way: after[way]["lost"] - before[way]["lost"] for way in after}
    print("lost during setup:", json.dumps(lost))
    assert all(lost.values())


def caller_running(caller: CallerProcess) -> ExitStack:
    """Ends the caller's process with the block, whatever happened."""
    stack = ExitStack()
    stack.callback(caller.stop)
    return stack
