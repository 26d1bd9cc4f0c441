"""What the command line tells, one line at a time: an event's name and fields, as JSON and for people."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from c2c import events
from c2c._errors import C2CError

if TYPE_CHECKING:
    from c2c._c2c import CallStats

NOT_TOLD = (events.CaptureAudio,)  # what has no meaning outside of a program


@dataclass(frozen=True)
class Line:
    """`time` is in seconds since the start."""

    time: float
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> str:
        """Returns it as one JSON object in one line."""
        return json.dumps({"time": round(self.time, 3), "event": self.event, **_plain(self.fields)})

    def text(self) -> str:
        """Returns it as people want to read it; what the far side sent cannot command the terminal."""
        if self.event == "check":
            return self.words()
        return f"{self.time:8.3f}  {self.event:<14} {self.words()}".rstrip()

    def words(self) -> str:
        """Returns its fields for people."""
        words = _WORDS.get(self.event, _listed)
        return printable(words(self.fields))


def event_fields(event: events.Event) -> dict[str, Any]:
    """Returns the fields of a client's event, ready for JSON."""
    if isinstance(event, events.Error):
        return {"fatal": False, **error_fields(event.error)}
    fields: dict[str, Any] = _plain(event)
    if isinstance(event, events.Transcription):
        fields |= {"originator": event.originator, "texts": list(event.texts)}
    return fields


def error_fields(error: Exception) -> dict[str, Any]:
    """Returns what is known of an error."""
    fields: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, C2CError):
        fields |= {"stage": error.stage, "sip_status": error.sip_status, "cause": error.cause, "hint": error.hint}
    return fields


def stats_fields(stats: CallStats) -> dict[str, Any]:
    """Returns the numbers of a call under their own names."""
    names = [name for name in dir(stats) if not name.startswith("_")]
    return {name: _plain(getattr(stats, name)) for name in names}


def printable(text: str) -> str:
    """Returns `text` in one line without control characters, and so without terminal sequences."""
    return "".join(character if character.isprintable() else " " for character in text)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Returns `value` as JSON has it, whatever the far side put in."""
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _listed(fields: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in fields.items() if not isinstance(value, Mapping | None))


def _error(fields: Mapping[str, Any]) -> str:
    hint = f" (hint: {fields['hint']})" if fields.get("hint") else ""
    return f"{fields['message']}{hint}"


def _end(fields: Mapping[str, Any]) -> str:
    end = fields["end_info"]
    detail = f" ({end['description']})" if end["description"] else ""
    hint = f"; {end['hint']}" if end["hint"] and end["cause"] != "Terminated" else ""
    return f"{end['cause']}{detail} by {end['originator']}{hint}"


def _check(fields: Mapping[str, Any]) -> str:
    took = f"{fields['seconds'] * 1000:6.0f} ms" if fields["seconds"] is not None else " " * 9
    hint = f" (hint: {fields['hint']})" if fields["hint"] else ""
    return f"{fields['stage']:<9} {fields['status']:<8}{took}  {fields['detail']}{hint}"


def _listening(fields: Mapping[str, Any]) -> str:
    # only blanks beside what people copy
    trust = f" CA {fields['ca_file']}" if fields["ca_file"] else ""
    return f"endpoint {fields['endpoint_url']}{trust} WebSocket {fields['websocket_uri']} (Ctrl-C ends)"


def _stats(fields: Mapping[str, Any]) -> str:
    return (
        f"{fields['codec']}, level in {fields['level_in']:.0f} out {fields['level_out']:.0f} dBFS, "
        f"jitter {fields['jitter'] * 1000:.0f} ms, lost {fields['packets_lost']}, MOS {fields['mos']:.1f}"
    )


def _summary(fields: Mapping[str, Any]) -> str:
    if "stats" not in fields:
        return "nothing failed" if fields["ok"] else "something failed"
    if (stats := fields["stats"]) is None:
        return "no call"
    recording = f", recorded in {fields['recording']}" if fields["recording"] else ""
    return (
        f"{fields['duration']} s, {stats['codec'] or 'no codec'}, sent {stats['packets_sent']} packets, "
        f"received {stats['packets_received']}, lost {stats['packets_lost']}, "
        f"heard {stats['seconds_heard']:.1f} s of sound, MOS {stats['mos']:.1f}{recording}"
    )


_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "error": _error,
    "ended": _end,
    "failed": _end,
    "check": _check,
    "listening": _listening,
    "stats": _stats,
    "summary": _summary,
    "ringing": lambda _: "",
    "answered": lambda fields: _listed({name: fields[name] for name in fields if name == "call"}),
    "warning": lambda fields: fields.get("text") or fields.get("message") or "",
    "infoReceived": lambda fields: f"{fields['info']['content_type']} {fields['info']['body']}",
    "infoSent": lambda fields: f"{fields['text']} {fields['data'] or ''}",
    "transcription": lambda fields: f"{fields['originator'] or '?'}: {' '.join(fields['texts'])}",
}
