"""What a user pays for c2c: installed size, import time and resident memory over `import trio, httpx`.

    python benches/bench_install.py [--wheel dist/X.whl] [--runs 9] [--json]

The wheel is installed into an environment of its own; times are CPU time, so that a busy machine does not count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
GOALS = {"installed_mb": 8.0, "import_ms": 20.0, "rss_mb": 4.0}
IMPORT = """
import gc, json, os, time
import trio, httpx
def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
before, start = resident(), time.process_time()
import c2c
python = time.process_time()
c2c.VERSION  # loads the extension
loaded = time.process_time()
times = {"python_ms": 1e3 * (python - start), "import_ms": 1e3 * (loaded - start)}
print(json.dumps({**times, "rss_mb": resident() - before}))
"""
SIZE = """
import importlib.metadata
files = importlib.metadata.files("click-to-call")
sizes = {str(file): file.locate().stat().st_size for file in files if file.locate().is_file()}
print(sum(sizes.values()) / 1e6, max(sizes.values()) / 1e6)
"""


def main() -> None:
    arguments = parsed()
    with tempfile.TemporaryDirectory() as folder:
        python = installed(arguments.wheel or newest_wheel(), Path(folder))
        figures = measured(python, arguments.runs)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        goal = f"  (goal: {GOALS[name]:g}{'' if figure <= GOALS[name] else ', missed'})" if name in GOALS else ""
        print(f"{name:14} {figure:8.2f}{goal}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Installed size, import time and resident memory of c2c.")
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def newest_wheel() -> Path:
    wheels = sorted((ROOT / "dist").glob("*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    if not wheels:
        raise SystemExit("no wheel in dist/: run `make wheel` first")
    return wheels[-1]


def installed(wheel: Path, folder: Path) -> Path:
    """The interpreter of an environment with the wheel in it."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    return python


def measured(python: Path, runs: int) -> dict[str, float]:
    """Medians of several processes; the first, which may compile bytecode, does not count."""
    total, largest = map(float, run(python, SIZE).split())
    samples = [json.loads(run(python, IMPORT)) for _ in range(runs + 1)][1:]
    medians = {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}
    return {"installed_mb": total, "extension_mb": largest, **medians}


def run(python: Path, code: str) -> str:
    return subprocess.check_output([python, "-I", "-c", code], text=True)


if __name__ == "__main__":
    main()
