"""The command `c2c`: places calls, examines endpoints, serves the gateway in the box. Needs `click-to-call[cli]`."""

from __future__ import annotations

import sys

EXTRA = frozenset({"typer", "rich"})


def main() -> None:
    """Runs the command line; without its libraries it says how to get them."""
    try:
        import rich  # noqa: F401 (typer imports it only when it has something to show)

        from c2c.cli._app import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in EXTRA:
            raise
        sys.exit("c2c: the command line needs typer and rich: pip install 'click-to-call[cli]'")
    except KeyboardInterrupt:
        sys.exit(1)
    app(prog_name="c2c")
