"""The SDK's set-up for `bench_setup.py --caller sdk`: its steps, with JsSIP in Chromium (tests/interop/browser/sdk.js).

The SDK is on no package registry; what it does between its calls and JsSIP's is as good as nothing.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from packets import OnTheWire, Packets

from interop.browser import bundle
from interop.chromium import Chromium, Json, Tab
from interop.endpoint import Endpoint
from interop.peer import wait_until

if TYPE_CHECKING:
    from interop.identity import Identity
    from interop.impairer import Namespace

MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def all_rounds(near: Namespace, identity: Identity, url: str, rounds: int) -> list[dict[str, float]]:
    """One round is not counted: it pays what a machine pays once."""
    return [one_round(near, identity, url) for _ in range(rounds + 1)][1:]


def one_round(near: Namespace, identity: Identity, url: str) -> dict[str, float]:
    """A browser of its own, which has no connection left from the round before."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        bundle(folder, "sdk")
        stack.enter_context(near.entered())
        pages = stack.enter_context(Endpoint(identity, "", folder))
        browser = stack.enter_context(Chromium(folder, identity, switches=MICROPHONE))
        return measured(browser.open(f"{pages.origin}/sdk.html"), url)


def measured(tab: Tab, url: str) -> dict[str, float]:
    wait_until(lambda: bool(tab.evaluate("typeof window.sdk") == "object"), "the page to be loaded")

    def run(step: str, *arguments: str) -> Json:
        return tab.evaluate(f"window.sdk.{step}({', '.join(map(json.dumps, arguments))})", seconds=60)

    with Packets() as packets:
        took: dict[str, float] = {"connect": run("connect", url)}
        call = run("call")
        wire = OnTheWire.of(packets, call["port"], call["called"])
    took |= {"invite_sent": wire.invite - call["called"], "first_packet_out": wire.sound - wire.answer}
    took |= call["stages"]
    run("end")
    run("disconnect")
    return took | {"connect_again": run("connect", url)}
