"""SIPp: a plain SIP user agent over UDP, behind the gateway."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from .g711 import PAYLOAD_TYPES
from .identity import PLAIN_RTP_PORT, PLAIN_SIP_PORT
from .peer import Peer, PeerError, program, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCENARIOS = Path(__file__).parent / "sipp"


class Sipp(Peer):
    """SIPp as the answering application, one scenario at a time.

    Scenarios (tests/interop/sipp): `answer` takes the call, answers INFO and UPDATE and waits for
    BYE; `refresh` also makes the caller refresh the session; `application` sends an INFO of JSON
    after the answer, waits for one, then hangs up with a Reason; `hold` holds, resumes and hangs up
    likewise, each when it gets an INFO; `early` sends 183 with SDP and answers 2 s later.
    """

    name = "sipp"

    def __init__(self, directory: Path, scenario: str = "answer", codec: str = "PCMU") -> None:
        self.name = f"sipp-{scenario}"
        super().__init__(directory)
        self._scenario = _SCENARIOS / f"{scenario}.xml"
        self._codec = codec
        self._messages = directory / f"{self.name}.messages"

    def command(self) -> Sequence[str]:
        addresses = ["-i", "127.0.0.1", "-p", str(PLAIN_SIP_PORT), "-mi", "127.0.0.1"]
        traces = ["-trace_msg", "-message_file", str(self._messages), "-message_overwrite", "true"]
        errors = ["-trace_err", "-error_file", str(self.directory / f"{self.name}.errors")]
        media = ["-key", "rtp_port", str(PLAIN_RTP_PORT), "-key", "codec", self._codec]
        media += ["-key", "payload_type", str(PAYLOAD_TYPES[self._codec])]
        quiet = ["-nostdin", "-skip_rlimit"]
        return [
            program("sipp", "sip-tester"),
            *["-sf", str(self._scenario), *addresses, *media, *traces, *errors, *quiet],
        ]

    def ready(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", PLAIN_SIP_PORT))
            except OSError:
                return True
            return False

    def messages(self) -> str:
        """Every SIP message that SIPp sent and received, as it wrote them down."""
        if not self._messages.exists():
            return ""
        return self._messages.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        """Returns once a message holds that text; raises PeerError with all of them if none does."""
        try:
            wait_until(lambda: text in self.messages(), f"{text!r} at SIPp", seconds)
        except PeerError as error:
            raise PeerError(f"{error}\n{self.log()}") from None

    def log(self, lines: int = 80) -> str:
        errors = self.directory / f"{self.name}.errors"
        text = errors.read_text(encoding="utf-8", errors="replace") if errors.exists() else ""
        return "\n".join((text + self.messages()).splitlines()[-lines:])
