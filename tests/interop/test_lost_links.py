"""Calls whose server dies or whose line does: Kamailio, rtpengine, SIPp, Chromium on the far side of the impairer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .conftest import CALLER_HZ, caller_of, running_near

if TYPE_CHECKING:
    from pathlib import Path

    from .browser import BrowserAgent
    from .caller import CallerProcess
    from .impairer import Impairer
    from .rig import Rig

CALLEE_HZ = 440.0
BACK = ["reconnecting", "registered", "reconnected"]


def told_since(caller: CallerProcess, before: int) -> list[str]:
    """What the client has told of its connection since."""
    return [name for name in caller.names()[before:] if name in BACK]


def received(caller: CallerProcess) -> int:
    [packets] = caller.ask("stats", "packets_received")
    assert isinstance(packets, int)
    return packets


def test_kamailio_killed_and_restarted_in_a_call_with_a_browser(
    impairer: Impairer, far_rig: Rig, far_caller: CallerProcess, far_callee: BrowserAgent
) -> None:
    with running_near(impairer, far_caller):
        far_caller.wait_for("media")
        far_callee.wait_for_tone(CALLER_HZ)
        before = len(far_caller.names())
        far_rig.kamailio.kill()
        far_caller.wait_for("reconnecting")
        packets = received(far_caller)
        # nobody needs the server for the sound
        far_callee.wait_for_tone(CALLER_HZ)
        far_caller.wait_for_tone(CALLEE_HZ)
        assert received(far_caller) > packets
        with impairer.far.entered():
            far_rig.kamailio.start()
        far_caller.wait_for("reconnected")
        assert told_since(far_caller, before) == BACK
        far_callee.wait_until_registered()
        far_caller.ask("info", "after the crash")
        assert '"after the crash"' in far_callee.wait_for_info()["body"]
        far_callee.wait_for_tone(CALLER_HZ)
        far_callee.hang_up()
        over = far_caller.wait_for("over")
    assert (over["originator"], over["cause"]) == ("remote", "Terminated")


def test_kamailio_killed_and_restarted_in_a_call_through_rtpengine(
    impairer: Impairer, far_rig: Rig, tmp_path: Path
) -> None:
    impairer.link.reset()
    sipp = far_rig.sipp("answer")
    with impairer.far.entered():
        sipp.start()
    caller = caller_of(far_rig, tmp_path, "plain")
    try:
        with running_near(impairer, caller):
            caller.wait_for("media")
            far_rig.rtp_peer.wait_for_tone(CALLER_HZ)
            before = len(caller.names())
            far_rig.kamailio.kill()
            caller.wait_for("reconnecting")
            far_rig.rtp_peer.forget_sound()
            far_rig.rtp_peer.wait_for_tone(CALLER_HZ)
            with impairer.far.entered():
                far_rig.kamailio.start()
            caller.wait_for("reconnected")
            assert told_since(caller, before) == BACK
            caller.ask("info", "after the crash")
            sipp.wait_for('"after the crash"')
            caller.wait_for_tone(far_rig.rtp_peer.hz)
            caller.ask("end")
            sipp.wait_for("BYE sip:")
            assert caller.wait_for("over")["cause"] == "Terminated"
    finally:
        sipp.stop()


def test_kamailio_killed_and_restarted_while_it_rings(
    impairer: Impairer, far_rig: Rig, far_caller: CallerProcess, far_callee: BrowserAgent
) -> None:
    """The line is down until the browser is registered again: else the new server would say 480."""
    far_callee.set_policy(on_invite="ring")
    with running_near(impairer, far_caller):
        far_caller.wait_for("ringing")
        far_rig.kamailio.kill()
        far_caller.wait_for("reconnecting")
        impairer.link.down()
        with impairer.far.entered():
            far_rig.kamailio.start()
        far_callee.wait_until_registered()
        far_callee.set_policy(on_invite="answer")
        impairer.link.up()
        far_caller.wait_for("media")
        far_caller.wait_for_tone(CALLEE_HZ)
        far_callee.wait_for_tone(CALLER_HZ)
        far_caller.ask("end")
        far_callee.wait_for_phase("ended")


def test_a_server_that_does_not_come_back_ends_the_call(
    impairer: Impairer, far_rig: Rig, far_callee: BrowserAgent, tmp_path: Path
) -> None:
    caller = caller_of(far_rig, tmp_path, reconnect_limit=4)
    try:
        with running_near(impairer, caller):
            caller.wait_for("media")
            far_rig.kamailio.kill()
            caller.wait_for("reconnecting")
            far_callee.wait_for_tone(CALLER_HZ)
            over = caller.wait_for("over")
    finally:
        with impairer.far.entered():
            far_rig.kamailio.start()
    assert (over["originator"], over["cause"]) == ("system", "Connection Error")


def test_the_line_is_down_for_10_s(impairer: Impairer, far_caller: CallerProcess, far_callee: BrowserAgent) -> None:
    with running_near(impairer, far_caller):
        far_caller.wait_for("media")
        far_callee.wait_for_tone(CALLER_HZ)
        impairer.link.down()
        time.sleep(10)
        packets = received(far_caller)
        impairer.link.up()
        far_callee.wait_for_tone(CALLER_HZ)
        far_caller.wait_for_tone(CALLEE_HZ)
        assert received(far_caller) > packets
        far_caller.ask("info", "after the silence")
        assert '"after the silence"' in far_callee.wait_for_info()["body"]
        assert "over" not in far_caller.names()
        far_callee.hang_up()
        assert far_caller.wait_for("over")["originator"] == "remote"


def test_the_line_is_down_for_10_s_while_it_rings(
    impairer: Impairer, far_caller: CallerProcess, far_callee: BrowserAgent
) -> None:
    far_callee.set_policy(on_invite="ring")
    with running_near(impairer, far_caller):
        far_caller.wait_for("ringing")
        impairer.link.down()
        far_callee.answer()
        time.sleep(10)
        impairer.link.up()
        far_caller.wait_for("media")
        far_caller.wait_for_tone(CALLEE_HZ)
        far_callee.wait_for_tone(CALLER_HZ)
        far_caller.ask("end")
        far_callee.wait_for_phase("ended")


def test_a_dead_line_is_noticed_and_the_call_outlives_it(
    impairer: Impairer, far_caller: CallerProcess, far_callee: BrowserAgent
) -> None:
    """Nothing closes the connection: only pings that are not answered tell."""
    caller = far_caller
    with running_near(impairer, caller):
        caller.wait_for("media")
        before = len(caller.names())
        impairer.link.down()
        caller.wait_for("reconnecting")
        impairer.link.up()
        caller.wait_for("reconnected")
        assert told_since(caller, before) == BACK
        far_callee.wait_for_tone(CALLER_HZ)
        caller.wait_for_tone(CALLEE_HZ)
        far_callee.hang_up()
        assert caller.wait_for("over")["originator"] == "remote"
