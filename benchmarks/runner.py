"""Measure the runner against other ways to run the same notebooks, side by side on this machine.

    python benchmarks/runner.py [--repeats 3] [--batch 20] [--only SCENARIO ...]

Each scenario is timed in a fresh copy of the project, contenders in turn within each repeat, so
that a drift of the machine's speed touches all of them. Wall-clock seconds are medians; memory is
the largest sum, over the whole process tree, of each process's proportional share (PSS), sampled
ten times a second in a run of its own. Results go to benchmarks/results/runner.json, the table to
standard output, the figure to benchmarks/results/runner.svg.

jupyter-cache is measured if it is installed (`pip install -e .[bench]`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
sys.path.insert(0, str(ROOT / "src"))

RUNNER, PLAIN, PAPERMILL, CACHE = "this runner", "one plain script", "papermill", "jupyter-cache"
EDITED_NOTEBOOK, EDITED_MODULE = "02_sample", "analysis/sample.py"
# Long loops are timed over this many runs and scaled up; the table says so.
SAMPLED_RUNS = 2


@dataclass
class Timing:
    """Seconds of each repeat, and what the numbers are to be read with."""

    seconds: list[float] = field(default_factory=list)
    megabytes: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def command(contender: str, folder: Path, *settings: str) -> list[str]:
    """Return the command line of one full run of a contender."""
    if contender == RUNNER:
        return [sys.executable, str(folder / "scripts" / "run_all.py"), *settings]
    name = {PLAIN: "plain", PAPERMILL: "papermill", CACHE: "jupyter-cache"}[contender]
    script = str(ROOT / "benchmarks" / "contenders.py")
    return [sys.executable, script, name, str(folder), *settings]


def environment() -> dict[str, str]:
    """Return the environment of every contender: the runner's, so that all compute the same."""
    from mlsec_survey.parallel.environment import fixed_environment

    return fixed_environment()


def timed(line: list[str], folder: Path) -> float:
    """Run a command to its end and return the seconds that it took."""
    started = time.perf_counter()
    done = subprocess.run(
        line, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{' '.join(line)} failed:\n{done.stdout}{done.stderr}")
    return seconds


def peak_memory(
    line: list[str], folder: Path, limit: float | None = None
) -> tuple[float, int | None]:
    """Run a command and return the largest sum of its process tree's PSS, in megabytes.

    Args:
        line: the command.
        folder: to run it in.
        limit: seconds after which it is ended.

    Returns:
        The megabytes, and the exit status; None if it was ended.
    """
    import psutil

    peak = 0.0
    process = subprocess.Popen(
        line, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    over = threading.Event()

    def sample() -> None:
        nonlocal peak
        root = psutil.Process(process.pid)
        while not over.wait(0.1):
            total = 0
            try:
                tree = [root, *root.children(recursive=True)]
            except psutil.Error:
                continue
            for member in tree:
                try:
                    total += member.memory_full_info().pss
                except (psutil.Error, OSError):
                    continue
            peak = max(peak, total / 1e6)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        status: int | None = process.wait(limit)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
        status = None
    over.set()
    thread.join()
    return peak, status


def fresh_copy(scratch: Path) -> Path:
    """Return a new copy of the project's tracked files, without outputs or caches."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.endswith(".ipynb"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    return folder


LIGHT = """\
# %% [markdown]
# # Light notebook {number}
#
# **Question.** How long does a notebook take that computes next to nothing?

# %% tags=["parameters"]
seed = {number}

# %%
import numpy as np
import pandas as pd
import seaborn as sns
import statsmodels.api as sm
from matplotlib.figure import Figure
from scipy import stats

rng = np.random.default_rng(seed)
table = pd.DataFrame(rng.normal(size=(139, 3)), columns=["a", "b", "c"])
print(stats.kendalltau(table["a"], table["b"]).statistic.round(3))
print(sm.OLS(table["c"], sm.add_constant(table[["a", "b"]])).fit().params.round(3).to_string())

# %%
first = Figure(figsize=(3.5, 2.5))
sns.histplot(table["a"], ax=first.add_subplot())
first

# %%
second = Figure(figsize=(3.5, 2.5))
sns.scatterplot(table, x="a", y="b", ax=second.add_subplot())
second
"""


def light_copy(scratch: Path) -> Path:
    """Return a copy of the project with six light notebooks in place of its own."""
    folder = fresh_copy(scratch)
    shutil.rmtree(folder / "notebooks")
    (folder / "notebooks").mkdir()
    pipeline = "parameters:\n  seed: {type: integer, default: 0, meaning: of random draws}\n"
    pipeline += "notebooks:\n"
    for number in range(1, 7):
        name = f"{number:02}_light"
        entry = f"{{title: Light {number}, question: How long, parameters: [seed]}}"
        pipeline += f"  {name}: {entry}\n"
        source = LIGHT.format(number=number)
        (folder / "notebooks" / f"{name}.py").write_text(source, encoding="utf-8")
    (folder / "notebooks" / "pipeline.yml").write_text(pipeline, encoding="utf-8")
    return folder


def edit_prose(folder: Path) -> None:
    """Add a sentence to one notebook."""
    path = folder / "notebooks" / f"{EDITED_NOTEBOOK}.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n# %% [markdown]\n# One more remark.\n")


def edit_function(folder: Path) -> None:
    """Change a module that some notebooks use; what it computes stays the same."""
    path = folder / "src" / "mlsec_survey" / EDITED_MODULE
    path.write_text(path.read_text(encoding="utf-8") + "\n_EDITED = True\n")


def full(contender: str, scratch: Path) -> float:
    folder = fresh_copy(scratch)
    options = ["--notebooks-only"] if contender == RUNNER else []
    return timed(command(contender, folder, *options), folder)


def light(contender: str, scratch: Path) -> float:
    folder = light_copy(scratch)
    options = ["--notebooks-only"] if contender == RUNNER else []
    return timed(command(contender, folder, *options), folder)


def complete(contender: str, scratch: Path) -> float:
    folder = fresh_copy(scratch)
    return timed(command(contender, folder), folder)


def again(change: Callable[[Path], None] | None) -> Callable[[str, Path], float]:
    """Return a scenario: run once, change something, and time the second run."""

    def scenario(contender: str, scratch: Path) -> float:
        folder = fresh_copy(scratch)
        options = ["--notebooks-only"] if contender == RUNNER else []
        line = command(contender, folder, *options)
        # The others keep nothing from an earlier run.
        if contender in (RUNNER, CACHE):
            timed(line, folder)
        if change is not None:
            change(folder)
        return timed(line, folder)

    return scenario


def batch(size: int) -> Callable[[str, Path], float]:
    """Return a scenario: many runs that differ in their seed."""

    def scenario(contender: str, scratch: Path) -> float:
        folder = fresh_copy(scratch)
        if contender == RUNNER:
            entries = "\n".join(
                f"  - {{name: s{k}, parameters: {{seed: {k}}}}}" for k in range(size)
            )
            (folder / "batch.yml").write_text(f"version: 1\npages: false\nruns:\n{entries}\n")
            return timed(command(RUNNER, folder, "--batch", "batch.yml"), folder)
        spent = sum(
            timed(command(contender, folder, "--set", f"seed={k}"), folder)
            for k in range(SAMPLED_RUNS)
        )
        return spent / SAMPLED_RUNS * size

    return scenario


def measure(repeats: int, size: int, only: list[str] | None) -> dict[str, dict[str, Timing]]:
    """Time all scenarios and return the timings by scenario and contender."""
    peers = [PLAIN, PAPERMILL] + ([CACHE] if importlib.util.find_spec("jupyter_cache") else [])
    everyone = [RUNNER, *peers]
    plan: dict[str, tuple[Callable[[str, Path], float], list[str]]] = {
        "full run of the notebooks": (full, everyone),
        "with pages and paper": (complete, [RUNNER]),
        "six light notebooks": (light, everyone),
        "nothing changed": (again(None), everyone),
        "prose of one notebook edited": (again(edit_prose), everyone),
        "one function edited": (again(edit_function), everyone),
        f"batch of {size} runs": (batch(size), [RUNNER, PLAIN, PAPERMILL]),
    }
    if only:
        plan = {name: entry for name, entry in plan.items() if any(word in name for word in only)}
    results: dict[str, dict[str, Timing]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        scratch = Path(name)
        for scenario, (run, contenders) in plan.items():
            results[scenario] = {contender: Timing() for contender in contenders}
            rounds = 1 if scenario.startswith("batch") else repeats
            for _ in range(rounds):
                for contender in contenders:
                    seconds = run(contender, scratch)
                    results[scenario][contender].seconds.append(seconds)
                    print(f"{scenario}: {contender} {seconds:.2f} s", file=sys.stderr, flush=True)
            if scenario.startswith("full"):
                for contender in contenders:
                    folder = fresh_copy(scratch)
                    options = ["--notebooks-only"] if contender == RUNNER else []
                    line = command(contender, folder, *options)
                    results[scenario][contender].megabytes, _ = peak_memory(line, folder)
            if scenario.startswith("batch"):
                for contender in contenders[1:]:
                    results[scenario][contender].note = f"{SAMPLED_RUNS} runs, scaled up"
            if CACHE in results[scenario] and "function" in scenario:
                results[scenario][CACHE].note = "does not see the edit: results are stale"
    return results


def limit(scratch: Path) -> tuple[float, float]:
    """Return the limit of a full run on two cores, in seconds, and this runner's time.

    Every notebook runs alone, in a kernel that has everything loaded. The limit is the larger of
    the critical path through the notebooks and half of the sum of all, to which the libraries are
    added that have to be loaded once before any of them.
    """
    from mlsec_survey.runner.pipeline import load_pipeline

    folder = fresh_copy(scratch)
    pipeline = load_pipeline(folder)
    code = (
        "import json, sys; from pathlib import Path; sys.path.insert(0, 'src')\n"
        "from mlsec_survey.runner.pipeline import load_pipeline\n"
        "from mlsec_survey.runner.engine import do\n"
        "from mlsec_survey.runner.steps import Run, steps_of\n"
        "from mlsec_survey.runner.store import Store\n"
        "from mlsec_survey.runner.workspace import Workspace\n"
        "def main():\n"
        "    root = Path.cwd(); pipeline = load_pipeline(root)\n"
        "    work = Workspace(root, pipeline, jobs=1); store = Store(work.cache)\n"
        "    steps = steps_of(Run('default', root, pdf=False), work)\n"
        "    steps = [step for step in steps if step.name in pipeline.notebooks]\n"
        "    do(steps, store, work, quiet=True)\n"
        "    names = frozenset(step.label for step in steps)\n"
        "    print(json.dumps(do(steps, store, work, force=names, quiet=True).seconds))\n"
        "if __name__ == '__main__': main()\n"
    )
    (folder / "alone.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "alone.py"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    alone: dict[str, float] = json.loads(done.stdout)
    ends: dict[str, float] = {}
    for entry in pipeline.analysis:
        begin = max((ends[name] for name in pipeline.after(entry)), default=0.0)
        ends[entry.name] = begin + alone[entry.name]
    bound = max(max(ends.values()), sum(alone.values()) / 2)
    return bound, full(RUNNER, scratch)


def table(results: dict[str, dict[str, Timing]]) -> str:
    """Return the timings as a Markdown table, with ratios to this runner."""
    lines = ["| scenario | way | seconds | times this runner | |", "|---|---|---:|---:|---|"]
    for scenario, timings in results.items():
        base = timings[RUNNER].median
        for contender, timing in timings.items():
            memory = f"peak {timing.megabytes:.0f} MB" if timing.megabytes else ""
            remark = ", ".join(filter(None, [memory, timing.note]))
            lines.append(
                f"| {scenario} | {contender} | {timing.median:.2f} "
                f"| {timing.median / base:.2f} | {remark} |"
            )
    return "\n".join(lines)


def draw(results: dict[str, dict[str, Timing]], target: Path) -> None:
    """Draw seconds by scenario and contender on a logarithmic scale."""
    from mlsec_survey.figures.style import house_style, new_figure

    with house_style():
        figure = new_figure("wide", 0.26 * sum(len(t) for t in results.values()) + 0.8)
        _draw_timings(figure.add_subplot(), results)
        figure.savefig(target, metadata={"Date": None})


def _draw_timings(axes: Axes, results: dict[str, dict[str, Timing]]) -> None:
    colours = {RUNNER: "#0072B2", PLAIN: "#999999", PAPERMILL: "#E69F00", CACHE: "#CC79A7"}
    position, ticks, labels = 0.0, [], []
    for scenario, timings in results.items():
        start = position
        for contender, timing in timings.items():
            axes.barh(position, timing.median, height=0.8, color=colours[contender])
            words = f" {contender}, {timing.median:.2f} s"
            axes.text(timing.median, position, words, va="center", fontsize=7)
            position += 1
        ticks.append((start + position - 1) / 2)
        labels.append(scenario)
        position += 0.7
    axes.set(xscale="log", yticks=ticks, yticklabels=labels, xlabel="seconds, logarithmic scale")
    axes.set_xticks([0.1, 1, 10, 100, 1000], ["0.1", "1", "10", "100", "1,000"])
    axes.set_ylim(position - 0.7, -0.7)
    axes.set_xlim(right=axes.get_xlim()[1] * 6)


def machine() -> str:
    """Describe the machine in a line."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    processor = names[0] if names else platform.machine()
    return f"{os.cpu_count()} cores ({processor}), Python {platform.python_version()}"


def earlier() -> dict[str, dict[str, Timing]]:
    """Return what was measured before; scenarios that are measured again take its place."""
    path = RESULTS / "runner.json"
    if not path.is_file():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: {way: Timing(**timing) for way, timing in timings.items()}
        for name, timings in stored["scenarios"].items()
    }


def rounds(results: dict[str, dict[str, Timing]]) -> str:
    """Say over how many runs the medians are."""
    numbers = {len(timing.seconds) for timings in results.values() for timing in timings.values()}
    return " to ".join(str(number) for number in sorted({min(numbers), max(numbers)}))


def write_between(mark: str, program: str, text: str) -> None:
    """Put a table between its two marks in benchmarks/README.md."""
    path = ROOT / "benchmarks" / "README.md"
    begin, end = f"<!-- {mark}: written by {program} -->", f"<!-- {mark}: end -->"
    before, rest = path.read_text(encoding="utf-8").split(begin)
    after = rest.split(end)[1]
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def write_table(program: str, how: str, headings: Sequence[str], rows: Iterable[object]) -> None:
    """Put a table into benchmarks/README.md as its rows are measured, and say how it was.

    Args:
        program: its name, which is the mark as well.
        how: what stands after the description of the machine.
        headings: of the columns; numbers stand in all but the first.
        rows: each as the cells between its bars.
    """
    lines = [f"| {' | '.join(headings)} |", "|---|" + "---:|" * (len(headings) - 1)]
    for row in rows:
        lines.append(f"| {row} |")
        print(lines[-1], flush=True)
    text = f"{machine()}; {how}.\n\n" + "\n".join(lines)
    write_between(program, f"benchmarks/{program}.py", text)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--batch", type=int, default=20, metavar="RUNS")
    arguments.add_argument(
        "--limit", action="store_true", help="only compare a full run with its limit on two cores"
    )
    arguments.add_argument(
        "--only",
        nargs="+",
        metavar="WORD",
        help="scenarios with these words; others keep what was measured before",
    )
    options = arguments.parse_args()
    if options.limit:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            pairs = [limit(Path(name)) for _ in range(options.repeats)]
        ratio = statistics.median(seconds / bound for bound, seconds in pairs)
        bounds, runs = zip(*pairs, strict=True)
        bound, seconds = statistics.median(bounds), statistics.median(runs)
        text = (
            f"{machine()}. A full run takes {seconds:.2f} s; the larger of the critical path and "
            f"half the sum of the notebooks is {bound:.2f} s, without starting and loading "
            f"libraries; ratio {ratio:.2f}, median of {len(pairs)}."
        )
        write_between("limit", "benchmarks/runner.py --limit", text)
        print(text)
        return
    measured = measure(options.repeats, options.batch, options.only)
    results = (earlier() if options.only else {}) | measured
    RESULTS.mkdir(exist_ok=True)
    stored = {
        "machine": machine(),
        "scenarios": {
            name: {way: vars(timing) for way, timing in timings.items()}
            for name, timings in results.items()
        },
    }
    (RESULTS / "runner.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    draw(results, RESULTS / "runner.svg")
    text = f"{machine()}; medians of {rounds(results)} runs.\n\n{table(results)}"
    write_between("runner", "benchmarks/runner.py", text)
    print(text)


if __name__ == "__main__":
    main()
