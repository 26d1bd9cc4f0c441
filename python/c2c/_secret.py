"""Keeping secrets out of what shows or copies objects without being asked to."""

from __future__ import annotations

from typing import ClassVar


class HoldsSecrets:
    """Refuses to be pickled or copied, as a pickle shows what `repr` hides; with `secret_fields` while one is set."""

    secret_fields: ClassVar[tuple[str, ...]] = ()

    def __getstate__(self) -> object:
        """Returns the state for a pickle if nothing in it is secret; `TypeError` otherwise."""
        if self.secret_fields and not any(getattr(self, name) for name in self.secret_fields):
            return self.__dict__
        raise TypeError(f"cannot pickle {type(self).__name__}: it holds secrets")


class SecretText(str):
    """Text whose `repr` does not show it, for tracebacks with local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Shows that there is something."""
        return "'***'"
