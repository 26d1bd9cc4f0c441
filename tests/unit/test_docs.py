"""The docs name all that is public, and nothing that is not."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import c2c

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = {path.name: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
FROM_JAVASCRIPT = DOCUMENTS["coming-from-javascript.md"]
ERRORS = DOCUMENTS["errors.md"]


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    _, section = text.split(f"\n## {heading}\n", maxsplit=1)
    section, _, _ = section.partition("\n## ")
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[2:]]


def methods(owner: type) -> set[str]:
    return {name for name in vars(owner) if not name.startswith("_")}


@pytest.mark.parametrize("name", c2c.__all__)
def test_what_is_public_is_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", README + "".join(DOCUMENTS.values()))


def test_the_methods_of_a_client() -> None:
    documented = {name for row in rows(FROM_JAVASCRIPT, "Methods") for name in re.findall(r"`(\w+)\(", row[1])}
    assert documented == methods(c2c.WebRTCClient)


def test_the_methods_of_a_call() -> None:
    documented = {name for row in rows(FROM_JAVASCRIPT, "A call") for name in re.findall(r"`call\.(\w+)", row[1])}
    assert documented == methods(c2c.Call)


def test_the_options() -> None:
    documented = {name for row in rows(FROM_JAVASCRIPT, "Options") for name in re.findall(r"`(\w+)`", row[1])}
    assert documented == set(inspect.signature(c2c.create_webrtc_client).parameters)


def test_the_events() -> None:
    documented = {row[0].strip("-(`) "): row[1].strip("`") for row in rows(FROM_JAVASCRIPT, "Events")}
    assert documented == {name: kind.__name__ for name, kind in c2c.events.NAMES.items()}


def test_the_errors_with_their_bases() -> None:
    documented = {row[0].strip("`"): row[1].strip("`") for row in rows(ERRORS, "All of them")}
    kinds = [getattr(c2c, name) for name in c2c.__all__]
    errors = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, c2c.C2CError)]
    assert documented == {kind.__name__: kind.__mro__[1].__name__ for kind in errors}


def test_what_the_docs_call_errors_exists() -> None:
    named = set(re.findall(r"`([A-Z]\w+)`", " ".join(row[2] for row in rows(ERRORS, "Why initialization fails"))))
    assert named == {name for name in named if issubclass(getattr(c2c, name), c2c.C2CError)}


def test_links_lead_somewhere() -> None:
    for name, text in {"../README.md": README, **DOCUMENTS}.items():
        for target in re.findall(r"\]\((?!https:)([^)#]+)", text):
            assert ((ROOT / "docs" / name).parent / target).exists(), (name, target)


def test_readme_leads_to_every_document() -> None:
    assert all(f"(docs/{name})" in README for name in DOCUMENTS)


def test_each_security_duty_names_its_tests() -> None:
    table = [line for line in DOCUMENTS["security.md"].splitlines() if re.match(r"\| \d", line)]
    assert [int(line.split()[1].rstrip(".")) for line in table] == list(range(1, 16))
    for line in table:
        duty, *_, named = line.strip("| ").split(" | ")
        number = int(duty.split(".")[0])
        for file in re.findall(r"`([^`]+)`", named):
            assert f"duty_{number:02}_" in (ROOT / file).read_text(), file
