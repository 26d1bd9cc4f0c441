"""Each row of docs/differences.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    line
    for line in (ROOT / "docs/differences.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| The SDK")
]


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_row(row: str) -> None:
    *_, named, _ = row.split("|")
    tests = re.findall(r"`([^`]+)`", named)
    assert tests
    assert all(exists(test) for test in tests), named


def exists(test: str) -> bool:
    path, _, function = test.rpartition("::")
    if test.endswith(".py"):
        return (ROOT / "tests/unit" / test).is_file()
    files = [ROOT / path] if path else (ROOT / "tests/unit").glob("test_*.py")
    return any(re.search(rf"\b(def|fn) {function}\(", file.read_text()) for file in files)
