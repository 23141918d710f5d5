"""Whole runs by number of respondents: seconds and memory of each notebook.

    python benchmarks/sizes.py [--respondents 139 1390 13900] [--limit 900]

Each export is drawn by scripts/make_standin.py. Notebooks run one after the other, each in a call
of the runner of its own, so that time and memory are its own; then all of them in one call. Seconds
include starting the runner and loading libraries, the same at every size. Memory is the largest sum
of the process tree's proportional shares. What takes longer than the limit is ended and said so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runner import RESULTS, ROOT, environment, fresh_copy, machine, peak_memory, write_between

sys.path.insert(0, str(ROOT / "src"))
from mlsec_survey.runner.pipeline import load_pipeline


def draw(folder: Path, respondents: int) -> float:
    """Draw an export of so many respondents into a copy of the project; return the seconds."""
    started = time.perf_counter()
    subprocess.run(
        [
            *(sys.executable, str(folder / "scripts" / "make_standin.py")),
            *("--respondents", str(respondents), "--out", str(folder / "data")),
        ],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started


def measure(respondents: int, limit: float) -> dict[str, dict[str, float | None]]:
    """Return seconds and megabytes by notebook; None where it failed or took too long."""
    found: dict[str, dict[str, float | None]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = fresh_copy(Path(scratch))
        found["drawing the export"] = {"seconds": draw(folder, respondents), "megabytes": None}
        calls = {
            entry.name: ["--only", entry.name, "--jobs", "1"]
            for entry in load_pipeline(folder).analysis
        }
        calls["all of them, side by side"] = ["--force"]
        for name, options in calls.items():
            line = [sys.executable, str(folder / "scripts" / "run_all.py"), "--notebooks-only"]
            started = time.perf_counter()
            memory, status = peak_memory([*line, *options], folder, limit)
            seconds = time.perf_counter() - started
            done = status == 0
            found[name] = {
                "seconds": seconds if done else None,
                "megabytes": memory if done else None,
            }
            print(f"{respondents:,} {name}: {seconds:.1f} s, status {status}", flush=True)
    return found


def table(results: dict[str, dict[str, dict[str, float | None]]]) -> str:
    """Return seconds and megabytes by notebook and size as a Markdown table."""
    sizes = list(results)
    lines = ["| | " + " | ".join(f"{int(size):,}" for size in sizes) + " |"]
    lines.append("|---|" + "---:|" * len(sizes))
    for name in results[sizes[0]]:
        cells = []
        for size in sizes:
            one = results[size].get(name) or {}
            seconds, memory = one.get("seconds"), one.get("megabytes")
            words = "not done" if seconds is None else f"{seconds:.1f} s"
            cells.append(words + (f", {memory:,.0f} MB" if memory else ""))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--respondents", nargs="+", type=int, default=[139, 1390, 13900])
    arguments.add_argument("--limit", type=float, default=900, help="seconds for one notebook")
    options = arguments.parse_args()
    results = {str(size): measure(size, options.limit) for size in options.respondents}
    stored = {"machine": machine(), "sizes": results}
    (RESULTS / "sizes.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    how = "one run each; notebooks one at a time, then all in one call"
    text = f"{machine()}; {how}.\n\n{table(results)}"
    write_between("sizes", "benchmarks/sizes.py", text)
    print(text)


if __name__ == "__main__":
    main()
