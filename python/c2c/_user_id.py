"""What may be a user id, and what had better not: it goes in the clear into URLs and SIP headers."""

from __future__ import annotations

import re
import warnings

MAX_LENGTH = 256


def check_user_id(user_id: object, *, may_be_empty: bool = False) -> None:
    """Raises `TypeError` or `ValueError` for what can be no user id."""
    # the SDK's text, for both
    if not isinstance(user_id, str):
        raise TypeError(f"userId must be a non-empty string, not {type(user_id).__name__}")
    if not (user_id or may_be_empty):
        raise ValueError("userId must be a non-empty string")
    if len(user_id) > MAX_LENGTH:
        raise ValueError(f"user_id: must have {MAX_LENGTH} characters at most")
    if any(character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff" for character in user_id):
        raise ValueError("user_id: must not hold control characters or lone surrogates")


def warn_of_personal_data(user_id: str, *, stacklevel: int = 2) -> None:
    """Warns, without quoting it, of an id that looks like something that nobody else should see."""
    for what, pattern in _LOOKS_LIKE.items():
        if pattern.search(user_id):
            text = f"user_id looks like {what}: it is sent in URLs and SIP headers; use an opaque identifier instead"
            warnings.warn(text, UserWarning, stacklevel=stacklevel + 1)
            return


_LOOKS_LIKE = {
    "an e-mail address": re.compile(r"^\s*[^\s@]+@[^\s@]+\.[^\s@.]+\s*$"),
    "a phone number": re.compile(
        r"^\s*(?:tel:)?(?=(?:\D*\d){7,15}\D*$)(?:\+|0|\(|\d{3}[ .-]\d{3}[ .-]\d{4}$)[\d\s()/.-]*$|^\d{10,15}$"
    ),
    # a JSON Web Token, an authorization header, a key with a known prefix, or a long mixture of letters and digits
    "a token": re.compile(
        r"^eyJ[\w-]+\.[\w-]+\.|^(?:[Bb]earer|[Bb]asic)\s|^(?:sk|pk|rk|ghp|gho|glpat|xox[a-z])[-_]\w{8}"
        r"|^(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[A-Za-z0-9_+/=-]{32,}$"
    ),
}
