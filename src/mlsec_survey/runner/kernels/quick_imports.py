"""Keeping slow imports out of the way, of libraries that nothing here uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

# jsonschema, which checks notebooks, imports these where they are installed, to check
# internationalised addresses and durations; each compiles a grammar, the first for about a second.
# Notebooks have neither and are checked without.
_SLOW = ("rfc3987_syntax", "isoduration")


@contextmanager
def quick_imports() -> Iterator[None]:
    """Let imports inside the block do without the slow libraries, as if they were not installed."""
    modules = cast(dict[str, Any], sys.modules)
    absent = [name for name in _SLOW if name not in modules]
    modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            if modules.get(name) is None:
                modules.pop(name, None)
