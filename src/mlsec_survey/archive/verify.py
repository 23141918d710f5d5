"""Does a rerun give what the archive holds? A receipt: what is the same, what not, by how much."""

from __future__ import annotations

import csv
import io
import json
import math
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mlsec_survey.archive.contents import CHECKSUMS, digest, read_checksums
from mlsec_survey.archive.results import NotebookRun
from mlsec_survey.base.errors import InputError

_LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels", "matplotlib", "papermill", "nbconvert")


def verify(root: Path, runs: list[NotebookRun]) -> dict[str, Any]:
    """Rerun the notebooks of an unpacked archive and return the receipt.

    Args:
        root: the unpacked archive.
        runs: its notebooks, with what they wrote.

    Returns:
        machine: system, processor, versions; changed_inputs: files that are not what the checksums
        say; outputs: per file, `same`, `differs` (with the largest relative difference of its
        numbers, where all else is the same) or `missing`; status of the rerun.

    Raises:
        InputError: the folder is no unpacked archive.
    """
    if not (root / CHECKSUMS).is_file():
        raise InputError(
            "no checksums here, so nothing to compare with",
            file=root / CHECKSUMS,
            remedy="make archive, unpack it in another folder, and run make verify there",
        )
    expected = read_checksums(root / CHECKSUMS)
    outputs = [name for run in runs for name in run.wrote if name in expected]
    before = {name: (root / name).read_bytes() for name in outputs if (root / name).is_file()}
    changed = sorted(
        name
        for name, value in expected.items()
        if name not in before
        and (not (root / name).is_file() or digest((root / name).read_bytes()) != value)
    )
    done = subprocess.run(
        [sys.executable, "scripts/run_all.py", "--force", "--notebooks-only"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "machine": machine(),
        "status": done.returncode,
        "message": done.stderr.strip() if done.returncode else "",
        "changed_inputs": changed,
        "outputs": {
            name: _compared(root / name, expected[name], before.get(name)) for name in outputs
        },
    }


def machine() -> dict[str, str]:
    """Return what the numbers of this process may depend on."""
    found = {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "python": platform.python_version(),
    }
    return found | {name: version(name) for name in _LIBRARIES}


def receipt_text(receipt: dict[str, Any]) -> str:
    """Return the receipt for people."""
    outputs = receipt["outputs"]
    same = sum(entry["is"] == "same" for entry in outputs.values())
    lines = [f"{same} of {len(outputs)} outputs came out the same to the byte."]
    for name, entry in outputs.items():
        if entry["is"] != "same":
            lines.append(f"  {name}: {entry['is']}{_how_much(entry)}")
    if receipt["changed_inputs"]:
        lines.append("Not as in the archive: " + ", ".join(receipt["changed_inputs"]))
    if receipt["status"]:
        lines += [f"The rerun ended with status {receipt['status']}:", receipt["message"]]
    lines += [f"{name}: {value}" for name, value in receipt["machine"].items()]
    return "\n".join(lines)


def _how_much(entry: dict[str, Any]) -> str:
    if "cells" not in entry:
        return ""
    largest = entry["largest_relative_difference"]
    return f" ({entry['cells']} cells; numbers by at most {largest:.2g} of their size)"


def _compared(path: Path, expected: str, before: bytes | None) -> dict[str, Any]:
    if not path.is_file():
        return {"is": "missing"}
    after = path.read_bytes()
    if digest(after) == expected:
        return {"is": "same"}
    found: dict[str, Any] = {"is": "differs"}
    if path.suffix == ".csv" and before is not None:
        found |= _cells(before, after)
    if path.suffix == ".json" and before is not None:
        found |= _leaves(before, after)
    return found


def _cells(before: bytes, after: bytes) -> dict[str, Any]:
    tables = [list(csv.reader(io.StringIO(text.decode("utf-8")))) for text in (before, after)]
    flat = [[cell for row in table for cell in row] for table in tables]
    return _differences(*flat)


def _leaves(before: bytes, after: bytes) -> dict[str, Any]:
    return _differences(*(_flat(json.loads(text)) for text in (before, after)))


def _flat(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [leaf for key in sorted(node) for leaf in (key, *_flat(node[key]))]
    if isinstance(node, list):
        return [leaf for entry in node for leaf in _flat(entry)]
    return [str(node)]


def _differences(before: list[str], after: list[str]) -> dict[str, Any]:
    """Return how many cells differ and by how much; nothing where they do not correspond."""
    if len(before) != len(after):
        return {}
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    largest = 0.0
    for one, other in pairs:
        try:
            a, b = float(one), float(other)
        except ValueError:
            largest = math.inf
            continue
        size = max(abs(a), abs(b))
        largest = max(largest, abs(a - b) / size if size else 0.0)
    return {"cells": len(pairs), "largest_relative_difference": largest}


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
