"""Tells what happens at a running gateway."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from c2c.cli._output import Output
    from c2c.gateway import GatewayCall, RunningGateway


class GatewayWatch:
    """Compares what it has told with what there is, each time that something has happened."""

    def __init__(self, gateway: RunningGateway, output: Output) -> None:
        self._gateway = gateway
        self._output = output
        self._told: Counter[str] = Counter()

    async def run(self) -> None:
        """Tells until it is cancelled."""
        while True:
            self._tell_news()
            await self._gateway.wait_until(_at_the_second_look())

    def _tell_news(self) -> None:
        for request in self._fresh("requests", self._gateway.requests):
            self._output.tell("configRequest", status=request.status, user_id=request.user_id)
        for registration in self._fresh("registrations", self._gateway.registrations):
            self._output.tell("registration", **dataclasses.asdict(registration))
        for refusal in self._fresh("refusals", self._gateway.refusals):
            self._output.tell("refusal", **dataclasses.asdict(refusal))
        for number, call in enumerate(self._gateway.calls, 1):
            for event, fields in self._of_call(number, call):
                self._output.tell(event, call=number, **fields)

    def _of_call(self, number: int, call: GatewayCall) -> Iterator[tuple[str, dict[str, Any]]]:
        if self._is_new(f"{number} started"):
            yield "call", {"target": call.target, "caller": call.caller}
        if call.answered and self._is_new(f"{number} answered"):
            yield "answered", {}
        if call.media_connected and self._is_new(f"{number} media"):
            yield "media", {}
        for info in self._fresh(f"{number} infos", call.infos):
            yield "info", {"content_type": info.content_type, "body": info.body.decode("utf-8", "replace")}
        for tone in self._fresh(f"{number} tones", call.tones):
            yield "tone", dataclasses.asdict(tone)
        if call.script_ended and self._is_new(f"{number} script"):
            yield "scriptEnded", {}
        if call.end is not None and self._is_new(f"{number} ended"):
            yield "callEnded", {**dataclasses.asdict(call.end), **_heard(call)}

    def _fresh(self, name: str, things: Sequence[Any]) -> Sequence[Any]:
        told, self._told[name] = self._told[name], len(things)
        return things[told:]

    def _is_new(self, name: str) -> bool:
        self._told[name] += 1
        return self._told[name] == 1


def _at_the_second_look() -> Callable[[RunningGateway], bool]:
    """What holds when something has happened since the wait began."""
    looks = iter((False, True))
    return lambda _: next(looks)


def _heard(call: GatewayCall) -> dict[str, float]:
    if call.heard is None or not call.heard.samples:
        return {"heard_seconds": 0.0, "heard_level": -127.0}
    return {"heard_seconds": call.heard.duration, "heard_level": call.heard.level}
