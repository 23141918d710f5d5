"""Tests on stacks of tables against a plain loop over SciPy's own functions, in one run.

    python benchmarks/statistical_tests.py [--tests 1000000] [--loop 2000] [--workers 2]

Per test: `--tests` samples of 139 respondents are drawn and tested at once; a loop calls SciPy on
`--loop` of them, already drawn, and its time per test is compared. Both must give the same
p-values. Then the same work in several processes, and bootstrap intervals of 40 shares.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy import stats  # noqa: E402

from mlsec_survey.parallel import tasks  # noqa: E402
from mlsec_survey.stats import categorical, rank_tests, tables  # noqa: E402
from mlsec_survey.stats.bootstrap import bootstrap_proportions  # noqa: E402

N = 139
BLOCK = 50_000
Counts = NDArray[np.int64]
Loop = Callable[[Counts], float]


def answers(table: Counts) -> tuple[Counts, Counts]:
    """Return the row and column of each respondent that a table counts."""
    rows, columns = np.indices(table.shape)
    return np.repeat(rows.ravel(), table.ravel()), np.repeat(columns.ravel(), table.ravel())


def two_samples(table: Counts) -> tuple[Counts, Counts]:
    rows, columns = answers(table)
    return columns[rows == 0], columns[rows == 1]


# Sizes of the groups, shares of the outcome's levels, test on tables, SciPy's function.
CASES: dict[str, tuple[list[int], list[float], Callable[[Counts], tables.TableTest], Loop]] = {
    "Fisher's exact test": (
        [104, 35],
        [0.75, 0.25],
        categorical.fisher_on_tables,
        lambda table: stats.fisher_exact(table).pvalue,
    ),
    "Mann–Whitney test": (
        [104, 35],
        [1 / 11] * 11,
        rank_tests.mann_whitney_on_tables,
        lambda table: stats.mannwhitneyu(*two_samples(table), method="asymptotic").pvalue,
    ),
    "Brunner–Munzel test": (
        [104, 35],
        [1 / 11] * 11,
        rank_tests.brunner_munzel_on_tables,
        lambda table: stats.brunnermunzel(*two_samples(table)).pvalue,
    ),
    "Kendall's tau-b": (
        [28, 28, 28, 28, 27],
        [0.2] * 5,
        rank_tests.kendall_on_tables,
        lambda table: stats.kendalltau(*answers(table), method="asymptotic").pvalue,
    ),
}


def draw(case: str, size: int, rng: np.random.Generator) -> Counts:
    """Draw tables of samples in which nothing goes with anything."""
    groups, shares = CASES[case][:2]
    return np.stack([rng.multinomial(m, shares, size=size) for m in groups], axis=1)


def task(case: str, rng: np.random.Generator) -> int:
    """Draw and test one block; return how many are significant."""
    return int((CASES[case][2](draw(case, BLOCK, rng)).p < 0.05).sum())


def seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def per_test(case: str, blocks: int, loops: int) -> tuple[float, float]:
    """Return seconds per test, drawing included, and in a loop over SciPy's function."""
    _, _, test, loop = CASES[case]
    sample = draw(case, loops, np.random.default_rng(1))
    started = time.perf_counter()
    looped = [loop(table) for table in sample]
    slow = (time.perf_counter() - started) / loops
    if not np.allclose(test(sample).p, looped, rtol=1e-7, atol=1e-12):
        raise SystemExit(f"{case}: p-values differ from SciPy's")
    rng = np.random.default_rng(2)
    started = time.perf_counter()
    for _ in range(blocks):
        task(case, rng)
    return (time.perf_counter() - started) / (blocks * BLOCK), slow


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", type=int, default=1_000_000)
    parser.add_argument("--loop", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    blocks = max(1, options.tests // BLOCK)
    rows = []
    for case in CASES:
        fast, slow = per_test(case, blocks, options.loop)
        rows.append(
            (case, blocks * BLOCK, fast * blocks * BLOCK, 1e6 * fast, 1e6 * slow, slow / fast)
        )
    table = pd.DataFrame(
        rows, columns=["test", "tests", "seconds", "µs per test", "µs in a loop", "ratio"]
    )
    print(table.round(2).to_string(index=False))
    if options.workers > 1:
        # Long enough that starting processes does not decide.
        work = ["Kendall's tau-b"] * max(4 * blocks, 80)
        run = {
            workers: seconds(
                lambda workers=workers: tasks.run(
                    task, work, seed=1, purpose="benchmark", workers=workers, progress=False
                )
            )
            for workers in (1, options.workers)
        }
        one, many = run[1], run[options.workers]
        print(
            f"{len(work) * BLOCK:,} tests of tau-b: {one:.1f} s in one process, {many:.1f} s in "
            f"{options.workers} ({one / many:.2f} times as fast, starting them included)"
        )
    shares = pd.DataFrame((np.random.default_rng(3).random((N, 40)) < 0.3).astype(float))
    took = seconds(lambda: bootstrap_proportions(shares, 10_000, np.random.default_rng(4)))
    print(f"bootstrap intervals of 40 shares from 10,000 resamples: {took:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
