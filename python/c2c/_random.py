"""Random parts of ids: of calls, messages and generated users."""

from __future__ import annotations

import secrets
import string

ALPHANUMERIC = string.ascii_lowercase + string.digits


def suffix() -> str:
    """Returns eight random characters, as the SDK's ids have them."""
    return "".join(secrets.choice(ALPHANUMERIC) for _ in range(8))
