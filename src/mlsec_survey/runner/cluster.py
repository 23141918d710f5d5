"""Work on a Dask cluster: starting workers that compute the same as this machine.

`python -m mlsec_survey.runner.cluster tcp://HOST:8786 [options of dask worker]` starts workers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from mlsec_survey.runner.kernels import kernel_environment, _search_path

USAGE = """\
usage: python -m mlsec_survey.runner.cluster ADDRESS [options of `dask worker`]

Starts `dask worker ADDRESS` with one thread per worker, and with the processor settings that make
results the same everywhere. Example, two workers for a scheduler on this machine:

  python -m mlsec_survey.runner.cluster tcp://127.0.0.1:8786 --nworkers 2
"""
# A task is one process's worth of work; the dashboard is the scheduler's business.
_DEFAULTS = {"--nthreads": "1", "--no-dashboard": None}


def worker_command(arguments: Sequence[str]) -> list[str]:
    """Return the command that starts workers, our defaults added where nothing is said."""
    command = [sys.executable, "-m", "dask", "worker", *arguments]
    for option, value in _DEFAULTS.items():
        if not any(given.split("=")[0] == option for given in arguments):
            command += [option] if value is None else [option, value]
    return command


def main(arguments: Sequence[str]) -> int:
    """Become `dask worker`; returns only when the usage is wrong."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(USAGE, end="", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    return os.execve(sys.executable, worker_command(arguments), kernel_environment(_search_path()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
