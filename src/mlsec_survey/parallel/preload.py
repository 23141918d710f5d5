"""Loads, when it is imported by the fork server, the modules that forks are to find loaded."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys

# Forks get the search path of the process that asked for them; kernels want a fresh interpreter's.
SEARCH_PATH = [entry for entry in sys.path if entry]

for _name in os.environ.get("FORK_SERVER_PRELOAD", "").split(","):
    # What cannot be imported will say so in the notebook that needs it.
    with contextlib.suppress(Exception):
        importlib.import_module(_name)
