"""Keeping a slow import out of the way, of a library that nothing here uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

# jsonschema, which checks notebooks, imports this where it is installed, to check internationalised
# addresses; that compiles a grammar, for about a second. Notebooks are checked without.
_SLOW = "rfc3987_syntax"


@contextmanager
def quick_imports() -> Iterator[None]:
    """Let imports inside the block do without the slow library, as if it were not installed."""
    modules = cast(dict[str, Any], sys.modules)
    absent = _SLOW not in modules
    if absent:
        modules[_SLOW] = None
    try:
        yield
    finally:
        if absent and modules.get(_SLOW) is None:
            modules.pop(_SLOW, None)
