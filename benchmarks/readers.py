"""Measure what reading and cleaning an export costs, beside a bare read with pandas.

    python benchmarks/readers.py [--sizes 10000 100000 1000000] [--columns 150]

The export is the stand-in's, over and over with numbers and invitation codes of its own and with
columns of attributes until there are 150. Each size and way runs in a process of its own. Prints,
per size, seconds and the peak of memory of `pandas.read_csv` and of reading, checking and cleaning
as notebook 01 does, and how many times the processor seconds of the bare read that is: on a busy
machine these hold where seconds do not.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WAYS = ("pandas", "read", "clean")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    arguments.add_argument("--columns", type=int, default=150)
    arguments.add_argument("--one", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one)))
        return
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    print("| responses | MB | way | seconds | processor seconds | times pandas | peak MB |")
    print("|---:|---:|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            path = Path(folder) / "export.csv"
            write(path, size, options.columns)
            bare = 0.0
            for way in WAYS:
                command = [sys.executable, __file__, "--one", way, str(path)]
                done = subprocess.run(
                    command, env=environment, capture_output=True, check=True, text=True
                )
                result = json.loads(done.stdout)
                bare = bare or result["processor"]
                print(
                    f"| {size:,} | {path.stat().st_size / 1e6:,.0f} | {result['way']} | "
                    f"{result['seconds']:.1f} | {result['processor']:.1f} | "
                    f"{result['processor'] / bare:.2f} | {result['peak']:,.0f} |",
                    flush=True,
                )


def write(path: Path, size: int, columns: int) -> None:
    """Write an export of so many responses and columns."""
    text = (ROOT / "data" / "raw" / "standin.csv").read_bytes().decode("utf-8-sig")
    header, *body = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    extra = [f"attribute_{number}" for number in range(1, columns - len(header) + 1)]
    token = header.index("token")
    # NULL stands without quotation marks in the stand-in, which the csv module does not keep.
    lines = text.split("\r\n")[1 : len(body) + 1]
    whole = [line for line in lines if line.count('"') % 2 == 0 and line.startswith('"')]
    fields = ',"some attribute"' * len(extra)
    parts = []
    for line in whole:
        cells = line.split(",", token + 1)
        parts.append((",".join(cells[1:token]), cells[token + 1]))
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("\ufeff" + ",".join(f'"{name}"' for name in (*header, *extra)) + "\r\n")
        for number in range(1, size + 1):
            before, after = parts[number % len(parts)]
            stream.write(f'"{number}",{before},"t{number}",{after}{fields}\r\n')


def measure(way: str, file: str) -> dict[str, float | str]:
    path = Path(file)
    if way == "pandas":
        import pandas as pd

        start, used = time.perf_counter(), time.process_time()
        pd.read_csv(path, low_memory=False)
        words = "`pandas.read_csv`"
    else:
        from mlsec_survey.instrument.codebook_file import load_codebook
        from mlsec_survey.instrument.manifest import Manifest
        from mlsec_survey.responses.exclusions import apply_exclusions
        from mlsec_survey.responses.missing import missing_kinds
        from mlsec_survey.responses.quality import quality_flags
        from mlsec_survey.responses.readers.reading import as_export, examine, file_bytes
        from mlsec_survey.responses.recode import recode
        from mlsec_survey.responses.scales import derive_scales

        codebook = load_codebook(ROOT / "data" / "codebook.yml")
        start, used = time.perf_counter(), time.process_time()
        found = examine(file_bytes(path), path, codebook)
        assert not found.problems, found.problems[0].error
        words = "read and checked"
        if way == "clean":
            raw = as_export(found, Manifest(version=1, synthetic=True, title="benchmark"))
            kept, _ = apply_exclusions(raw, codebook)
            missing = missing_kinds(kept, codebook)
            responses = derive_scales(recode(kept, codebook, missing), missing, codebook)
            responses = responses.join(quality_flags(responses, codebook))
            words = "read, checked and cleaned"
    seconds, processor = time.perf_counter() - start, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"way": words, "seconds": seconds, "processor": processor, "peak": peak}


if __name__ == "__main__":
    main()
