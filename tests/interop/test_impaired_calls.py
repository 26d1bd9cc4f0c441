"""c2c's calls over a bad line: the caller in one namespace, Kamailio, Chromium and the endpoint in another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .caller import SETUP_STAGES
from .conftest import CALLER_HZ, running_near

if TYPE_CHECKING:
    from .browser import BrowserAgent
    from .caller import CallerProcess
    from .impairer import Impairer


def stages_of(told: dict[str, Any], what: str) -> list[float]:
    """The set-up's stages in their order, printed for people."""
    setup = told["setup"]
    print(f"{what}: " + ", ".join(f"{stage} {setup[stage] * 1e3:.1f} ms" for stage in SETUP_STAGES))
    return [setup[stage] for stage in SETUP_STAGES]


def test_a_round_trip_of_100_ms(impairer: Impairer, far_caller: CallerProcess, far_callee: BrowserAgent) -> None:
    impairer.link.set(delay=0.05)
    with running_near(impairer, far_caller):
        stages = stages_of(far_caller.wait_for("media"), "RTT 100 ms")
        tone = far_callee.wait_for_tone(CALLER_HZ)
        assert tone.rms == pytest.approx(0.177, rel=0.1)
        far_callee.hang_up()
        ended = far_caller.wait_for("ended")
    # one stage follows from the one before; the first packet in may come before ours is out
    assert stages[:5] == sorted(stages[:5])
    assert stages[4] <= min(stages[5:])
    # the INVITE and its answer, the answer and the first check's, take no less than a round trip each
    assert stages[1] - stages[0] >= 0.1
    assert stages[3] - stages[2] >= 0.1
    assert ended["packets_lost"] == 0


def test_a_fifth_of_all_packets_lost_during_setup(
    impairer: Impairer, far_caller: CallerProcess, far_callee: BrowserAgent
) -> None:
    before = impairer.link.statistics()
    impairer.link.set(delay=0.02, loss=0.2)
    with running_near(impairer, far_caller):
        stages_of(far_caller.wait_for("media"), "20 % loss each way")
        after = impairer.link.statistics()
        impairer.link.set(loss=0)
        assert far_callee.wait_for_tone(CALLER_HZ).rms == pytest.approx(0.177, rel=0.1)
        far_callee.hang_up()
        far_caller.wait_for("ended")
    lost = {way: after[way]["lost"] - before[way]["lost"] for way in after}
    print("lost during setup:", json.dumps(lost))
    assert all(lost.values())
