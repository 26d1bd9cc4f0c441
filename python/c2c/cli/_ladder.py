"""The SIP messages of a connection as a ladder diagram: methods and statuses only, no secret is in it."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from c2c.cli._output import Output

LOGGER = "c2c.proto.sip"  # a line for each message, by the engine
WIDTH = 44
MAX_MESSAGES = 1_000

_LINE = re.compile(r"(sent|received) (.+) \((\d+) (\S+?)(?:, (\S+).*)?\)")


@dataclass(frozen=True)
class Message:
    """One message; `what` is its method, or its status and reason."""

    time: float
    direction: str
    what: str
    cseq: str
    content: str | None


class Ladder(logging.Handler):
    """Collects messages while its block runs and tells each as a line; the oldest 1,000 are drawn."""

    def __init__(self, output: Output) -> None:
        super().__init__(logging.DEBUG)
        self._output = output
        self._messages: list[Message] = []

    def __enter__(self) -> Ladder:
        """Starts to collect."""
        logger = logging.getLogger(LOGGER)
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Ends collecting."""
        logging.getLogger(LOGGER).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Takes the engine's line of a message."""
        if not (match := _LINE.fullmatch(record.getMessage())) or len(self._messages) >= MAX_MESSAGES:
            return
        direction, what, number, method, content = match.groups()
        message = Message(self._output.time, direction, what, f"{number} {method}", content)
        self._messages.append(message)
        self._output.tell("sip", direction=direction, message=what, cseq=message.cseq, content_type=content)

    def drawn(self) -> str:
        """Returns the diagram."""
        head = f"{'':10}{'c2c':<{WIDTH - 8}}{'SIP server':>10}"
        return "\n".join([head, *map(_rung, self._messages)])


def _rung(message: Message) -> str:
    text = f" {message.what}"
    if not message.what.startswith(message.cseq.split()[1]):
        text += f" ({message.cseq})"
    if message.content:
        text += f" [{message.content.rpartition('/')[2].rstrip(';,')}]"
    text = f"{text} "[: WIDTH - 4]
    arrow = f"{text:─^{WIDTH - 1}}>" if message.direction == "sent" else f"<{text:─^{WIDTH - 1}}"
    return f"{message.time:8.3f}  │{arrow}│"
