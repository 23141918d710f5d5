"""Kernels: each notebook starts from a fresh state, forked or not, and nothing outlives the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from papermill.engines import papermill_engines

from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.base.parameters import read_schema
from mlsec_survey.parallel import processes
from mlsec_survey.runner.execute import execute_notebook
from mlsec_survey.runner.fingerprint import imported_modules
from mlsec_survey.runner.kernels import manager
from mlsec_survey.runner.kernels.engine import ForkedKernelEngine
from mlsec_survey.runner.lifeline import lifeline
from mlsec_survey.runner.pipeline import NotebookJob, Pipeline
from mlsec_survey.runner.workspace import Workspace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux"),
]
PATIENCE = 120
PIPELINE = Pipeline(read_schema({}), {}, None)

# Changes everything that a notebook could leave behind for the next one.
LITTER = """\
# %%
import builtins, os, random, sys, warnings
import matplotlib, matplotlib.pyplot as plt, numpy as np, pandas as pd
import mlsec_survey, mlsec_survey.base.synthetic
left = builtins.left_behind = "left behind"
matplotlib.rcParams["font.size"] = 99
plt.figure()
np.random.seed(1); random.seed(1); np.random.normal(); random.random()
np.set_printoptions(precision=1)
pd.set_option("display.precision", 1)
os.environ["LEFT_BEHIND"] = "yes"
os.chdir("/")
sys.path.insert(0, "/left-behind")
mlsec_survey.base.synthetic.SYNTHETIC_SHORT = "left behind"
mlsec_survey.left_behind = True
sys.modules["left_behind"] = sys
np.errstate(all="raise").__enter__()
warnings.simplefilter("error")
get_ipython().events.register("pre_run_cell", print)
"""

PROBE = """\
# %% tags=["parameters"]
given = 1

# %%
import builtins, json, os, random, sys, warnings
early = {"imported": sorted(m for m in sys.modules if "left" in m), "cwd": os.getcwd()}
import matplotlib, numpy as np, pandas as pd
from matplotlib import _pylab_helpers
import mlsec_survey.base.synthetic

state = early | {
    "globals": sorted(k for k in globals() if "left" in k),
    "builtins": hasattr(builtins, "left_behind"),
    "font": matplotlib.rcParams["font.size"],
    "backend": matplotlib.get_backend(),
    "figures": len(_pylab_helpers.Gcf.figs),
    "printing": np.get_printoptions()["precision"],
    "pandas": pd.get_option("display.precision"),
    "environment": sorted(k for k in os.environ if k.startswith(("LEFT", "MLSEC", "PYTHONHASH"))),
    "threads": os.environ["OPENBLAS_NUM_THREADS"],
    "path": [entry for entry in sys.path if "left" in entry],
    "all of path": sys.path,
    "label": mlsec_survey.base.synthetic.SYNTHETIC_SHORT,
    "module": hasattr(mlsec_survey, "left_behind"),
    "errors": np.geterr()["divide"],
    "filters": sum(f[0] == "error" for f in warnings.filters),
    "hash": hash("text"),
    "zone": __import__("time").tzname,
    "startup": "from_startup" in globals(),
    "argv": sys.argv[0].rsplit("/")[-1].removesuffix(".py"),
    "main": sys.modules["__main__"].__name__,
    "given": given,
}
print(json.dumps(state, sort_keys=True))

# %%
print(json.dumps([random.random(), np.random.normal()]))
"""


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = Workspace(tmp_path, PIPELINE)
    with made.processes():
        yield made


def execute(source: str, output: Path, name: str = "probe", fork: bool = True, **given: Any) -> Any:
    """Execute a notebook's text and return the executed notebook."""
    (output / "notebooks").mkdir(exist_ok=True)
    job = NotebookJob(name, source, given, output, output, output, {})
    execute_notebook(job, output / ".cache" / "failed" / f"{name}.ipynb", fork=fork)
    return json.loads((output / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))


def printed(notebook: dict, cell: int) -> Any:
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    return json.loads("".join(code[cell]["outputs"][0]["text"]))


def test_nothing_leaks_from_one_notebook_to_the_next_and_ordinary_kernels_are_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the user's own start-up files do must not reach results either.
    startup = tmp_path / "startup.py"
    startup.write_text("from_startup = True\n")
    monkeypatch.setenv("PYTHONSTARTUP", str(startup))
    (tmp_path / "matplotlibrc").write_text("font.size: 50\n")
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path / "matplotlibrc"))
    before = Path.cwd()
    work = tmp_path / "work"
    work.mkdir()
    with Workspace(work, PIPELINE).processes():
        first = execute(PROBE, work, "first")
        execute(LITTER, work, "litter")
        second = execute(PROBE, work, "second")
        third = execute(PROBE, work, "third", fork=False)
    state = printed(first, 1)
    assert state == printed(second, 1) == printed(third, 1)
    assert state["globals"] == state["imported"] == state["path"] == []
    assert not state["builtins"]
    assert not state["module"]
    assert not state["startup"]
    assert state["font"] == 10
    assert state["backend"] == "agg"
    assert state["figures"] == 0
    assert state["cwd"] == str(work / "notebooks")
    assert state["label"].startswith("Synthetic")
    assert "MLSEC_OUTPUT" in state["environment"]
    assert "LEFT_BEHIND" not in state["environment"]
    assert Path.cwd() == before
    # Whoever forgets to seed gets other numbers each time, as in a fresh interpreter.
    assert printed(first, 2) != printed(second, 2)


def test_parameters_are_injected_after_their_defaults(tmp_path: Path) -> None:
    notebook = execute(PROBE, tmp_path, given=5)
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert sources[0] == "given = 1"
    assert sources[1].splitlines() == ["# Parameters of this run", "given = 5"]
    assert printed(notebook, 2)["given"] == 5


def test_outputs_are_normalised(tmp_path: Path) -> None:
    source = """\
# %%
import sys, time
for number in range(3):
    print(number, flush=True); time.sleep(0.02)
print("/some/where/module.py:3: a warning", file=sys.stderr)
object()

# %%
1

# %%
1
"""
    once, again = (execute(source, tmp_path, name) for name in ("once", "again"))
    assert once == again
    cells = once["cells"]
    assert [o["output_type"] for o in cells[0]["outputs"]] == ["stream", "stream", "execute_result"]
    assert "".join(cells[0]["outputs"][0]["text"]) == "0\n1\n2\n"
    assert "".join(cells[0]["outputs"][1]["text"]) == "module.py:3: a warning\n"
    assert cells[0]["outputs"][2]["data"]["text/plain"] == ["<object>"]
    assert len({cell["id"] for cell in cells}) == 3
    assert cells[2]["id"] == f"{cells[1]['id']}-2"


def test_errors_keep_their_kind(tmp_path: Path) -> None:
    raising = "# %%\nfrom mlsec_survey.base.errors import InputError\nraise InputError({})\n"
    with pytest.raises(InputError) as caught:
        text = f"'bad code', file='{tmp_path}/data/x.csv', row=3, remedy='mend it'"
        execute(raising.format(text), tmp_path)
    assert str(caught.value) == "data/x.csv, row 3: bad code\n  What to do: mend it"
    assert caught.value.exit_status == 2
    with pytest.raises(AnalysisError, match=r"cell 2 \(Part\): SyntaxError") as failed:
        execute("# %%\n1\n\n# %% [markdown]\n# ## Part\n\n# %%\n1 +\n", tmp_path)
    assert failed.value.exit_status == 1
    assert (tmp_path / ".cache" / "failed" / "probe.ipynb").is_file()


def test_a_kernel_ends_whatever_its_code_does(tmp_path: Path) -> None:
    busy = """\
# %%
import os, signal, subprocess, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Thread(target=time.sleep, args=(600,)).start()
import atexit; atexit.register(time.sleep, 600)
print([os.getpid(), subprocess.Popen(["sleep", "600"]).pid])
"""
    for pid in printed(execute(busy, tmp_path), 0):
        assert gone(pid)


def test_a_kernel_ends_with_the_process_that_asked_for_it(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from mlsec_survey.runner.execute import execute_notebook
from mlsec_survey.runner.pipeline import NotebookJob
here = Path(sys.argv[1])
source = "# %%\\nimport os, time\\nopen('pid', 'w').write(str(os.getpid()))\\ntime.sleep(600)\\n"
execute_notebook(NotebookJob("n", source, {}, here, here, here, {}), here / "failed.ipynb")
"""
    (tmp_path / "notebooks").mkdir()
    caller = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    note = tmp_path / "notebooks" / "pid"
    wait_for(lambda: note.exists() and note.read_text())
    caller.kill()
    caller.wait()
    assert gone(int(note.read_text()))


def test_a_kernel_that_is_killed_is_reported_and_the_next_one_starts(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="its kernel died"):
        execute("# %%\nimport os\nos.kill(os.getpid(), 9)\n", tmp_path)
    assert printed(execute("# %%\nprint(1)\n", tmp_path), 0) == 1


def test_a_server_that_is_killed_is_reported_and_another_one_starts(tmp_path: Path) -> None:
    """In a process of its own: a kernel that was not forked has the tests' process as parent."""
    code = """
import sys
from pathlib import Path
from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.runner.execute import execute_notebook
from mlsec_survey.runner.pipeline import NotebookJob
here = Path(sys.argv[1])
def execute(source):
    execute_notebook(NotebookJob("n", source, {}, here, here, here, {}), here / "failed.ipynb")
try:
    execute("# %%\\nimport os, time\\nos.kill(os.getppid(), 9)\\ntime.sleep(600)\\n")
except AnalysisError as error:
    print(error)
execute("# %%\\nprint(1)\\n")
"""
    (tmp_path / "notebooks").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "its kernel died" in done.stdout
    assert printed(json.loads((tmp_path / "notebooks" / "n.ipynb").read_text()), 0) == 1


def test_where_a_library_has_started_a_thread_an_ordinary_kernel_is_started(
    tmp_path: Path,
) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    code = """
import logging, sys
from pathlib import Path
from mlsec_survey.parallel.processes import fork_server
from mlsec_survey.runner.execute import execute_notebook
from mlsec_survey.runner.pipeline import NotebookJob
here = Path(sys.argv[1])
fork_server(["threaded"])
source = "# %%\\nimport sys\\nprint(int('threaded' in sys.modules))\\n"
execute_notebook(NotebookJob("n", source, {}, here, here, here, {}), here / "failed.ipynb")
"""
    (tmp_path / "notebooks").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(tmp_path)])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "has started a thread" in done.stderr
    assert printed(json.loads((tmp_path / "notebooks" / "n.ipynb").read_text()), 0) == 0


def test_the_engine_is_there_for_anybody(tmp_path: Path) -> None:
    """As papermill asks for it: an entry point, and any notebook."""
    (entry,) = entry_points(group="papermill.engine", name="forked")
    assert entry.load() is ForkedKernelEngine
    papermill_engines.register("forked", ForkedKernelEngine)
    parameters = nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]})
    cells = [parameters, nbformat.v4.new_code_cell("import os; print([x, os.getppid()])")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(notebook, tmp_path / "in.ipynb")
    ran = [
        papermill.execute_notebook(
            tmp_path / "in.ipynb",
            tmp_path / "out.ipynb",
            parameters={"x": 2},
            engine_name="forked",
            progress_bar=False,
            **options,
        )
        for options in ({}, {}, {"fork": False})
    ]
    (x, server), (_, again), (_, this) = (json.loads(nb.cells[-1].outputs[0].text) for nb in ran)
    assert x == 2
    # Two forks of one server, and a child of this process.
    assert server == again != this == os.getpid()


def test_another_systems_kernels_are_ordinary_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "can_fork", lambda: False)
    done = execute("# %%\nimport os\nprint(os.getppid())\n", tmp_path)
    assert printed(done, 0) == os.getpid()


def test_a_command_on_a_lifeline_ends_with_its_children_when_told(tmp_path: Path) -> None:
    shell = f"sleep 60 & echo $! > {tmp_path}/pid; wait"
    process = subprocess.Popen(lifeline(["sh", "-c", shell]))
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)
    assert gone(int((tmp_path / "pid").read_text()))
    assert subprocess.run(lifeline(["sh", "-c", "exit 7"]), check=False).returncode == 7


def gone(pid: int, within: float = PATIENCE) -> bool:
    """Return whether a process is no more, or is a zombie, within some seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return True
        if stat.rpartition(")")[2].split()[0] in "ZX":
            return True
        time.sleep(0.02)
    return False


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_notebooks_import_is_loaded_beforehand(tmp_path: Path) -> None:
    """What is loaded beforehand decides about speed only; a notebook can import the rest."""
    assert imported_modules("import json\nfrom scipy import stats\nimport a.b as c\n") == {
        *("json", "scipy", "scipy.stats", "a.b")
    }
    assert imported_modules("not python\n") == set()
    code = """
import sys
from mlsec_survey.parallel.processes import fork_server
def probe(): print("json.tool" in sys.modules, "colorsys" in sys.modules)
if __name__ == "__main__":
    server = fork_server(["json.tool", "no.such.module"])
    process = server.Process(target=probe); process.start(); process.join()
"""
    (tmp_path / "code.py").write_text(code)
    command = [sys.executable, str(tmp_path / "code.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
    assert processes.PRELOAD == "FORK_SERVER_PRELOAD"
