"""Bodies of INFO: what `send_info` sends, and what a body that comes means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from c2c import events


def encode_info(text: str, data: Mapping[str, Any]) -> bytes:
    """Returns the body of an INFO, as `JSON.stringify` would make it; `TypeError` or `ValueError` name the argument."""
    if not isinstance(text, str):
        raise TypeError("text: must be a str")
    if not isinstance(data, Mapping):
        raise TypeError("data: must be a mapping")
    try:
        body = json.dumps(
            {"text": text, "data": dict(data)}, ensure_ascii=False, separators=(",", ":"), allow_nan=False
        )
    except TypeError as error:
        raise TypeError(f"data: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"data: {error}") from None
    # a lone surrogate has no UTF-8; escaped it is what JSON.stringify writes
    return body.encode("utf-8", "backslashreplace")


def decode_info(content_type: str, body: bytes) -> events.Event:
    """Returns the event of an INFO: `transcription` if it is a JSON object with that key, `infoReceived` otherwise."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and "_transcription" in value:
        return events.Transcription(value["_transcription"])
    return events.InfoReceived("remote", events.SipInfo(body.decode("utf-8", "replace"), content_type))
