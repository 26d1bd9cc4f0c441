"""Writes LICENSE-THIRD-PARTY: what the extension links, by Cargo.lock, and the licence texts that lie in those sources.

With `--check` it writes nothing and exits with 1 when the file is not what the lock file asks for.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "LICENSE-THIRD-PARTY"
PLATFORM = "x86_64-unknown-linux-gnu"
LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice|copyright|unlicense)", re.IGNORECASE)
# C sources inside of crates, with the folders that hold their licences
BUNDLED = {
    "aws-lc-sys": {"AWS-LC": "aws-lc", "fiat-crypto (in AWS-LC)": "aws-lc/third_party/fiat"},
    "opusic-sys": {"libopus": "opus"},
}
PREFACE = """The compiled extension of click-to-call (c2c._c2c) contains the following software. Made from Cargo.lock by
packaging/third_party_licences.py. What offers Apache-2.0 among others is taken under Apache-2.0.
"""
APACHE_END = "END OF TERMS AND CONDITIONS"
RULE = "\n" + "=" * 100 + "\n"


def main() -> int:
    """Writes or checks the file."""
    text = document()
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(text)
        return 0
    if TARGET.read_text() == text:
        return 0
    print("LICENSE-THIRD-PARTY is not what Cargo.lock asks for: run `make licences`", file=sys.stderr)
    return 1


def document() -> str:
    """The whole file: a list of what is linked, then each distinct text once with those it is for."""
    texts: dict[str, tuple[str, list[str]]] = {}
    heads = []
    for package in linked_packages():
        name = f"{package['name']} {package['version']}"
        heads.append(f"{name}: {package['license']}")
        for holder, text in licences_of(package, name):
            texts.setdefault(likeness(text), (text, []))[1].append(holder)
    parts = [PREFACE + "\n" + "\n".join(heads) + "\n"]
    parts += [f"{textwrap.fill(', '.join(holders), 100)}\n\n{text}\n" for text, holders in texts.values()]
    return RULE.join(parts)


def linked_packages() -> list[dict[str, Any]]:
    """Every crate from the registry that the extension links, by name; procedural macros and build scripts are not."""
    tree = ["tree", "--package=c2c-binding", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}"]
    linked = {tuple(line.split()[:2]) for line in cargo(*tree, f"--target={PLATFORM}").splitlines()}
    metadata = json.loads(cargo("metadata", "--format-version=1", f"--filter-platform={PLATFORM}"))
    third = (package for package in metadata["packages"] if package["source"])
    found = [package for package in third if (package["name"], f"v{package['version']}") in linked]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def cargo(*arguments: str) -> str:
    """What a cargo command prints about the locked workspace."""
    return subprocess.check_output(["cargo", *arguments, "--locked"], cwd=ROOT, text=True)


def licences_of(package: dict[str, Any], name: str) -> list[tuple[str, str]]:
    """Pairs of holder and text; a crate that ships no text needs none but Apache-2.0's, which is the same for all."""
    folder = Path(package["manifest_path"]).parent
    found = [(name, text) for text in texts_in(folder, package["license"])]
    if not found:
        if "Apache-2.0" not in package["license"]:
            raise SystemExit(f"{name} ({package['license']}) ships no licence text")
        found = [(name, (ROOT / "LICENSE-APACHE").read_text())]
    for holder, inside in BUNDLED.get(package["name"], {}).items():
        texts = texts_in(folder / inside)
        if not texts:
            raise SystemExit(f"{holder}: no licence text in {inside}")
        found += [(holder, text) for text in texts]
    return found


def texts_in(folder: Path, expression: str = "") -> list[str]:
    """The licence texts that lie in a folder; of alternatives only Apache-2.0's, and notices."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and LICENCE_FILE.match(file.name))
    apache = [file for file in files if re.search(r"apache", file.name, re.IGNORECASE)]
    if apache and re.fullmatch(r"[^()]*(Apache-2.0 OR|OR Apache-2.0|/Apache-2.0|Apache-2.0/)[^()]*", expression):
        files = apache + [file for file in files if file.name.upper().startswith("NOTICE")]
    return [file.read_text(errors="replace").strip() for file in files]


def likeness(text: str) -> str:
    """Equal for texts that differ in line breaks, indentation or the form that closes the Apache licence."""
    if APACHE_END in text and text.lstrip().startswith("Apache License"):
        return APACHE_END
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
