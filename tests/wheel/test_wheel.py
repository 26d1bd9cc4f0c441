"""What `make wheel` laid into dist/: looked into, audited, installed where there is no compiler, and called with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
LICENCES = {"LICENSE-MIT", "LICENSE-APACHE", "LICENSE-THIRD-PARTY"}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def wheel() -> Path:
    [wheel] = (ROOT / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def sdist() -> Path:
    [sdist] = (ROOT / "dist").glob("*.tar.gz")
    return sdist


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment into which pip put the wheel, with no compiler in reach."""
    environment = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    programs = environment / "bin"
    assert not any(shutil.which(tool, path=str(programs)) for tool in ("cc", "gcc", "clang", "cargo", "rustc", "cmake"))
    run_bare(programs, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", str(wheel))
    return programs


def run_bare(programs: Path, *arguments: str) -> str:
    outcome = subprocess.run(
        [programs / "python", *arguments],
        env={"PATH": str(programs)},
        cwd=programs,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def test_tags(wheel: Path) -> None:
    name, version, python, abi, platform = wheel.stem.split("-")
    assert (name, version, python, abi) == ("click_to_call", VERSION, "cp311", "abi3")
    assert platform.startswith("manylinux")


def test_auditwheel_agrees_with_the_tag(wheel: Path) -> None:
    show = [sys.executable, "-m", "auditwheel", "show", str(wheel)]
    said = " ".join(subprocess.run(show, capture_output=True, text=True, check=True).stdout.split())
    [tag] = [part for part in wheel.stem.split("-")[4].split(".") if part.startswith("manylinux_")]
    assert "is consistent with the following platform tag" in said
    assert glibc_of(said.split("platform tag:")[1].split('"')[1]) <= glibc_of(tag)


def glibc_of(tag: str) -> tuple[int, int]:
    _, major, minor, _ = tag.split("_", 3)
    return int(major), int(minor)


def test_contents(wheel: Path) -> None:
    info = f"click_to_call-{VERSION}.dist-info"
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        third_party = file.read(f"{info}/licenses/LICENSE-THIRD-PARTY").decode()
        metadata = file.read(f"{info}/METADATA").decode()
    assert {f"{info}/licenses/{name}" for name in LICENCES} <= names
    assert {"c2c/_c2c.abi3.so", "c2c/_c2c.pyi", "c2c/py.typed", "c2c/gateway/speech/hello.wav"} <= names
    assert all(linked in third_party for linked in ("AWS-LC", "libopus", "rustls 0.", "pyo3 0."))
    assert f"Version: {VERSION}\n" in metadata


def test_installed_without_a_compiler_it_places_a_call(bare: Path, tmp_path: Path) -> None:
    script = shutil.copy(Path(__file__).parent / "place_a_call.py", tmp_path)
    where, version, heard = run_bare(bare, "-I", str(script)).split(maxsplit=2)
    assert Path(where).is_relative_to(bare.parent)
    assert version == VERSION
    assert heard.startswith("Heard(")


def test_installed_version_is_cargos(bare: Path) -> None:
    code = "import c2c, importlib.metadata as m; print(c2c.VERSION, m.version('click-to-call'))"
    assert run_bare(bare, "-I", "-c", code).split() == [VERSION, VERSION]


def test_sdist_builds(sdist: Path, tmp_path: Path) -> None:
    """In the workspace's target directory and at a path that stays, so that only our own crates are compiled for it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    with tarfile.open(sdist) as file:
        assert {f"click_to_call-{VERSION}/{name}" for name in LICENCES | {"Cargo.lock"}} <= set(file.getnames())
        file.extractall(target / "sdist", filter="data")
    source = target / "sdist" / f"click_to_call-{VERSION}"
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, source],
        env={**os.environ, "CARGO_TARGET_DIR": str(target)},
        check=True,
    )
    [built] = tmp_path.glob(f"click_to_call-{VERSION}-cp311-abi3-*.whl")
    assert zipfile.is_zipfile(built)
