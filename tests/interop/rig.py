"""The whole rig: every peer, started once for a run of the tests."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from .browser import BrowserAgent, bundle
from .chromium import Chromium
from .endpoint import Endpoint
from .identity import LOOPBACK, make_identity
from .kamailio import Kamailio
from .rtp_peer import RtpPeer
from .rtpengine import Rtpengine
from .sipp import Sipp

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from .peer import Peer

CALLEE = "callee"
CALLER = "caller"


class Rig:
    """Kamailio, rtpengine, Chromium, the config endpoint and an RTP peer, while the `with` block runs.

    They serve callers at `address`, in the network namespace that the thread is in when the rig is made and started.
    """

    def __init__(self, directory: Path, address: str = LOOPBACK) -> None:
        self.directory = directory
        self.identity = make_identity(directory)
        self.rtpengine = Rtpengine(directory, address)
        self.kamailio = Kamailio(directory, self.identity, address=address)
        self.chromium = Chromium(directory, self.identity)
        self.endpoint = Endpoint(self.identity, self.kamailio.ws_uri, directory, address)
        self.rtp_peer = RtpPeer()
        self.agents: list[BrowserAgent] = []
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            bundle(self.directory)
            # rtpengine first: Kamailio would hold it for dead until its next ping.
            for peer in (self.rtpengine, self.kamailio, self.endpoint, self.rtp_peer, self.chromium):
                stack.enter_context(peer)
            self._running = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    def browser_agent(self, user: str, **options: object) -> BrowserAgent:
        """A user agent in a tab of its own, registering as sip:<user>@<realm>; options are JsSIP's."""
        agent = BrowserAgent(self.chromium, f"{self.endpoint.origin}/page.html", user)
        self.agents.append(agent)
        agent.start(self.kamailio.ws_uri, self.identity, **options)
        return agent

    def close(self, agent: BrowserAgent) -> None:
        """Ends a user agent."""
        self.agents.remove(agent)
        agent.stop()

    def sipp(self, scenario: str = "answer", codec: str = "PCMU") -> Sipp:
        """The application behind the gateway (targets app-plain, app-transcoded); use in a `with`."""
        self.rtp_peer.reset(codec)
        return Sipp(self.directory, scenario, codec)

    def logs(self) -> list[tuple[str, str]]:
        """Name and end of the log of every peer, for a failure's report."""
        peers: list[Peer] = [self.kamailio, self.rtpengine, self.chromium]
        logs = [(peer.name, peer.log()) for peer in peers]
        return logs + [(f"browser {agent.user}", agent.log()) for agent in self.agents]
