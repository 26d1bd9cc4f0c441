"""What the library warns of, as lines."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from c2c.cli._output import Output


class Warnings(logging.Handler):
    """Tells each warning of the logger `c2c` while its block runs."""

    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def __enter__(self) -> Warnings:
        """Starts to listen."""
        logging.getLogger("c2c").addHandler(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Ends listening."""
        logging.getLogger("c2c").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a record."""
        self._output.tell("warning", message=record.getMessage())
