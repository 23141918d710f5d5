"""Reading Python source as a syntax tree."""

from __future__ import annotations

import ast
import threading

# Python 3.11 counts the depth of the trees that it makes in one place for all threads, and takes
# two at a time for a fault of its own (python/cpython#106905).
_ONE_AT_A_TIME = threading.Lock()


def parsed(source: str | bytes) -> ast.Module:
    """Return the syntax tree of Python source, whatever other threads parse.

    Raises:
        SyntaxError: it is not Python.
    """
    with _ONE_AT_A_TIME:
        return ast.parse(source)
