"""Measure what the analysis of relevance costs by the number of respondents.

    python benchmarks/relevance.py [--sizes 10000 30000 100000] [--attacks 8] [--resamples 2000]

Each size runs in a process of its own, single-threaded, on ratings from 1 to 5 with a level per
respondent, a lean per attack and 8 % skipped, so that nearly every respondent has a pattern of
ratings of her own: the most expensive case for methods that work by pattern. Prints, per size,
processor seconds per step, wall-clock seconds in all (the same on an idle machine), and the peak
of memory above that of the imports and of the data.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sizes", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    arguments.add_argument("--attacks", type=int, default=8)
    arguments.add_argument("--resamples", type=int, default=2000)
    arguments.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.attacks, options.resamples)))
        return
    environment = os.environ | dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    environment["PYTHONPATH"] = str(ROOT / "src")
    results = []
    for size in options.sizes:
        command = [sys.executable, __file__, "--one", str(size)]
        command += ["--attacks", str(options.attacks), "--resamples", str(options.resamples)]
        done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
        results.append(json.loads(done.stdout))
    for name in results[0]:
        print(f"| {name} | " + " | ".join(f"{result[name]:,.4g}" for result in results) + " |")


def measure(n: int, attacks: int, resamples: int) -> dict[str, float]:
    import numpy as np
    import pandas as pd

    from mlsec_survey.stats import ranks
    from mlsec_survey.stats.ordinal_repeated import parallel_check, repeated_ordinal
    from mlsec_survey.stats.proportions import wilson

    rng = np.random.default_rng(1)
    lean = 0.5 * np.linspace(-1, 1, attacks)
    values = 3 + lean + rng.normal(size=(n, 1)) + rng.normal(size=(n, attacks))
    values = np.clip(np.rint(values), 1, 5)
    values[rng.random(values.shape) < 0.08] = np.nan
    ratings = pd.DataFrame(values)
    known = pd.DataFrame(rng.integers(0, 3, values.shape).astype(float))
    result = {
        "respondents": float(n),
        "patterns": float(len(ranks.rating_patterns(ratings).counts)),
    }
    before = _peak()
    steps = {
        "shares of high ratings (Wilson)": lambda: wilson((ratings >= 4).sum(), ratings.count()),
        "mean ranks": lambda: ranks.mean_ranks(ratings, rng=rng, resamples=resamples),
        "Friedman, W": lambda: ranks.friedman(ratings, rng=rng, resamples=resamples),
        "Skillings–Mack": lambda: ranks.skillings_mack(ratings, rng=rng, resamples=resamples),
        "all pairs": lambda: ranks.pairwise_signed_rank(ratings, rng=rng, resamples=resamples),
        "model": lambda: repeated_ordinal(ratings),
        "model with a predictor": lambda: repeated_ordinal(ratings, {"known": known}),
        "check of the model": lambda: parallel_check(ratings),
    }
    start, wall = time.process_time(), time.perf_counter()
    for name, step in steps.items():
        begun = time.process_time()
        step()
        result[f"{name}, s"] = time.process_time() - begun
    result["all, s"] = time.process_time() - start
    result["all, wall-clock s"] = time.perf_counter() - wall
    result["peak memory above data, MB"] = _peak() - before
    return result


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
