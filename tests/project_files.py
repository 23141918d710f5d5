"""What the project holds, for tests that read it: its scripts and the tables it published."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def load_script(name: str) -> ModuleType:
    """Import a script by its name, such as `make_standin`."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses of the script look their module up there.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def recorded_tables() -> list[tuple[str, dict[str, Any]]]:
    """Return the committed record of each published table, by its name."""
    records = sorted((ROOT / "paper/generated/records").glob("*.json"))
    return [
        (name, table)
        for path in records
        for name, table in json.loads(path.read_text(encoding="utf-8"))["tables"].items()
    ]
