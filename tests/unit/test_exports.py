from __future__ import annotations

import importlib.metadata
import logging
import subprocess
import sys
from types import ModuleType

import pytest

import c2c
import c2c.events

WITHOUT_EXTENSION = """
import sys
sys.modules["c2c._c2c"] = None
import c2c
assert "c2c._c2c" in c2c.check_webrtc_support().missing
assert not c2c.is_webrtc_supported()
try:
    c2c.create_webrtc_client("https://endpoint.example/token")
except c2c.UnsupportedPlatform as error:
    assert str(error) == "WebRTC is not supported in this environment", error
    assert "c2c._c2c" in error.hint
    try:
        c2c.create_webrtc_client("")
    except c2c.ConfigError as error:
        print(error)
"""


def test_all_names_what_is_public() -> None:
    public = {
        name
        for name, value in vars(c2c).items()
        if not name.startswith("_") and (not isinstance(value, ModuleType) or value is c2c.events)
    }
    of_the_extension = {"AudioFrame", "CallStats", "Clip", "VERSION"}
    assert set(c2c.__all__) == public - {"TYPE_CHECKING", "Any", "annotations"} | of_the_extension
    assert all(getattr(c2c, name) is not None for name in c2c.__all__)


def test_all_is_sorted_as_ruff_sorts_it() -> None:
    assert len(set(c2c.__all__)) == len(c2c.__all__)


def test_public_classes_say_so() -> None:
    assert c2c.WebRTCClient.__module__ == "c2c"
    assert c2c.CallFailed.__module__ == "c2c"


def test_every_event_is_exported() -> None:
    kinds = {kind.__name__ for kind in c2c.events.NAMES.values()}
    assert kinds <= set(c2c.events.__all__)
    assert set(c2c.events.NAMES) == {
        "connecting", "connected", "registered", "ringing", "answered", "ended", "failed", "muted", "unmuted",
        "infoSent", "infoReceived", "transcription", "captureAudio", "audioEnded", "error", "unregistered",
        "disconnected", "dtmfSent", "dtmfReceived", "warning", "registrationFailed", "sessionCreated", "stateChanged",
        "reconnecting", "reconnected", "incomingCall",
    }  # fmt: skip


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        c2c.nothing  # noqa: B018


def test_configures_no_logging() -> None:
    handlers = logging.getLogger("c2c").handlers
    assert [type(handler) for handler in handlers] == [logging.NullHandler]


def test_imports_without_the_extension() -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_EXTENSION], capture_output=True, text=True, check=False
    )
    assert (result.stdout.strip(), result.stderr) == ("endpointUrl is required", "")


def test_importing_leaves_the_extension_alone() -> None:
    code = "import sys, c2c; sys.exit('c2c._c2c' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_version_is_that_of_the_package() -> None:
    assert importlib.metadata.version("click-to-call") == c2c.VERSION
    assert c2c.SDK_NAME == "click-to-call"


def test_the_sdks_end_causes() -> None:
    assert c2c.SDK_END_CAUSES.SETUP_TIMEOUT == "SETUP_TIMEOUT"
    assert {str(cause) for cause in c2c.SDK_END_CAUSES} == {
        "CONFIG_FETCH_FAILED", "CONFIG_INVALID", "WIDGET_INACTIVE", "REGISTRATION_FAILED", "SETUP_TIMEOUT",
    }  # fmt: skip
