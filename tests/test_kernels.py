"""Kernels: each notebook starts from a fresh state, warm or cold, and nothing outlives the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.runner.execute import NotebookJob, execute_notebook
from mlsec_survey.runner.fingerprint import packages_of
from mlsec_survey.runner.kernels.provisioner import ForkedProcess, Kernels, can_fork, lifeline

pytestmark = [
    pytest.mark.xdist_group("kernels"),
    pytest.mark.skipif(not can_fork(), reason="warm kernels need Linux"),
]

# Changes everything that a notebook could leave behind for the next one.
LITTER = """\
# %%
import builtins, os, random, sys, warnings
import matplotlib, matplotlib.pyplot as plt, numpy as np, pandas as pd
import mlsec_survey, mlsec_survey.report.basis
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
import mlsec_survey.report.basis

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


@pytest.fixture(scope="module")
def warm() -> Iterator[Kernels]:
    kernels = Kernels()
    yield kernels
    kernels.close()


def execute(kernels: Kernels, source: str, output: Path, name: str = "probe", **given: Any) -> dict:
    """Execute a notebook's text and return the executed notebook."""
    job = NotebookJob(name, source, given, output, output, output, {})
    manager = kernels.manager_class(job.environment, output)
    execute_notebook(job, manager, output / ".cache" / "failed" / f"{name}.ipynb")
    return json.loads((output / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))


def printed(notebook: dict, cell: int) -> Any:
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    return json.loads("".join(code[cell]["outputs"][0]["text"]))


def test_nothing_leaks_from_one_notebook_to_the_next_and_cold_kernels_are_alike(
    warm: Kernels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    first = execute(warm, PROBE, work, "first")
    execute(warm, LITTER, work, "litter")
    second = execute(warm, PROBE, work, "second")
    state = printed(first, 1)
    assert state == printed(second, 1) | {"environment": state["environment"]}
    assert state["globals"] == state["imported"] == state["path"] == []
    assert not state["builtins"]
    assert not state["module"]
    assert not state["startup"]
    assert state["font"] == 10
    assert state["backend"] == "agg"
    assert state["figures"] == 0
    assert state["cwd"] == str(work)
    assert state["label"].startswith("Synthetic")
    assert "MLSEC_OUTPUT" in state["environment"]
    assert "LEFT_BEHIND" not in state["environment"]
    assert Path.cwd() == before
    # Whoever forgets to seed gets other numbers each time, as in a fresh interpreter.
    assert printed(first, 2) != printed(second, 2)
    cold = Kernels(cold=True)
    try:
        third = execute(cold, PROBE, work, "third")
    finally:
        cold.close()
    assert printed(third, 1) == state


def test_parameters_are_injected_after_their_defaults(warm: Kernels, tmp_path: Path) -> None:
    notebook = execute(warm, PROBE, tmp_path, given=5)
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert sources[0] == "given = 1"
    assert sources[1].splitlines() == ["# Parameters of this run", "given = 5"]
    assert printed(notebook, 2)["given"] == 5


def test_outputs_are_normalised(warm: Kernels, tmp_path: Path) -> None:
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
    once, again = (execute(warm, source, tmp_path, name) for name in ("once", "again"))
    assert once == again
    cells = once["cells"]
    assert [o["output_type"] for o in cells[0]["outputs"]] == ["stream", "stream", "execute_result"]
    assert "".join(cells[0]["outputs"][0]["text"]) == "0\n1\n2\n"
    assert "".join(cells[0]["outputs"][1]["text"]) == "module.py:3: a warning\n"
    assert cells[0]["outputs"][2]["data"]["text/plain"] == ["<object>"]
    assert len({cell["id"] for cell in cells}) == 3
    assert cells[2]["id"] == f"{cells[1]['id']}-2"


def test_errors_keep_their_kind(warm: Kernels, tmp_path: Path) -> None:
    raising = "# %%\nfrom mlsec_survey.base.errors import InputError\nraise InputError({})\n"
    with pytest.raises(InputError) as caught:
        text = f"'bad code', file='{tmp_path}/data/x.csv', row=3, remedy='mend it'"
        execute(warm, raising.format(text), tmp_path)
    assert str(caught.value) == "data/x.csv, row 3: bad code\n  What to do: mend it"
    assert caught.value.exit_status == 2
    with pytest.raises(AnalysisError, match=r"cell 2 \(Part\): SyntaxError") as failed:
        execute(warm, "# %%\n1\n\n# %% [markdown]\n# ## Part\n\n# %%\n1 +\n", tmp_path)
    assert failed.value.exit_status == 1
    assert (tmp_path / ".cache" / "failed" / "probe.ipynb").is_file()


def test_a_kernel_stops_at_once(warm: Kernels, tmp_path: Path) -> None:
    busy = """\
# %%
import os, signal, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Thread(target=time.sleep, args=(60,)).start()
import atexit; atexit.register(time.sleep, 60)
print(os.getpid())
"""
    started = time.monotonic()
    notebook = execute(warm, busy, tmp_path)
    assert time.monotonic() - started < 5
    assert gone(printed(notebook, 0))


def test_processes_end_with_the_server_and_the_server_with_the_runner(tmp_path: Path) -> None:
    code = f"""
import os, sys, time
from pathlib import Path
from mlsec_survey.runner.fingerprint import packages_of
from mlsec_survey.runner.kernels.provisioner import Kernels
kernels = Kernels()
scratch = Path({str(tmp_path)!r})
process = kernels.server.fork("call", dict(os.environ), scratch, scratch / "log",
    function="subprocess:call", arguments={{"args": ["sleep", "60"]}})
print(kernels.server._process.pid, process.pid, kernels.scratch, flush=True)
time.sleep(60)
"""
    runner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert runner.stdout is not None
    server, child, scratch = runner.stdout.readline().split()
    deadline = time.monotonic() + 10
    while not (sleeping := children(int(child))) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert sleeping
    runner.kill()
    runner.wait()
    runner.stdout.close()
    for pid in (int(server), int(child), *sleeping):
        assert gone(pid)
    subprocess.run(["rm", "-r", scratch], check=True)


def test_a_server_that_dies_is_reported(tmp_path: Path) -> None:
    others = set(children(os.getpid()))
    kernels = Kernels()
    try:
        (server,) = set(children(os.getpid())) - others
        os.kill(server, signal.SIGKILL)
        assert gone(server)
        with pytest.raises(AnalysisError, match="warm server ended unexpectedly"):
            execute(kernels, "# %%\n1\n", tmp_path)
    finally:
        kernels.close()
    assert not kernels.scratch.exists()


def test_a_scratch_folder_that_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = Kernels(cold=True, cache=tmp_path)
    assert left.scratch.is_dir()
    following = Kernels(cold=True, cache=tmp_path)
    assert not left.scratch.exists()
    following.close()


def test_a_command_on_a_lifeline_ends_with_its_children_when_told(tmp_path: Path) -> None:
    shell = f"sleep 60 & echo $! > {tmp_path}/pid; wait"
    process = subprocess.Popen(lifeline(["sh", "-c", shell]))
    deadline = time.monotonic() + 10
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    assert gone(int((tmp_path / "pid").read_text()))
    assert subprocess.run(lifeline(["sh", "-c", "exit 7"]), check=False).returncode == 7


def test_a_process_that_has_ended_already_is_no_problem() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    process = ForkedProcess(ended.pid)
    assert process.poll() == 0
    process.kill()
    assert process.wait() == 0


def children(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def gone(pid: int, within: float = 5) -> bool:
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


def test_the_server_loads_large_libraries_for_notebooks_that_use_them(tmp_path: Path) -> None:
    """What is loaded beforehand decides about speed only; a notebook can import the rest."""
    source = (
        "# %%\nimport json, sys\n"
        "print(json.dumps([n in sys.modules for n in ('seaborn', 'statsmodels', 'nbconvert')]))\n"
        "# %%\nimport seaborn\nprint(json.dumps(seaborn.__name__))\n"
    )
    assert packages_of(source) == {"json", "sys", "seaborn"}
    assert packages_of("# %%\nfrom statsmodels.api import OLS\n# %%\n%time x = 1\n") == {
        "statsmodels"
    }
    assert packages_of("# %%\nnot python\n") == set()
    loaded = {}
    for used in ((), ("seaborn",)):
        kernels = Kernels(used=used)
        try:
            done = execute(kernels, source, tmp_path)
            loaded[used] = printed(done, 0)
            assert printed(done, 1) == "seaborn"
        finally:
            kernels.close()
    assert loaded[()] == [False, False, False]
    assert loaded[("seaborn",)][0]


def test_what_pages_need_is_loaded_when_nothing_else_is_asked(tmp_path: Path) -> None:
    kernels = Kernels(used=["nbconvert"])
    probe = "import json, sys\nprint(json.dumps('nbconvert.exporters.html' in sys.modules))\n"
    try:
        deadline = time.monotonic() + 20
        while not printed(execute(kernels, f"# %%\n{probe}", tmp_path), 0):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        kernels.close()


def test_all_but_the_first_kernels_find_everything_loaded(tmp_path: Path) -> None:
    source = (
        "# %%\nimport json, sys\n"
        "names = ('pandas', 'mlsec_survey.responses.scales', 'scipy.stats',"
        " 'mlsec_survey.analysis.design_analysis')\n"
        "print(json.dumps([name in sys.modules for name in names]))\n"
        "# %%\nfrom scipy import stats\nprint(json.dumps(stats.norm.name))\n"
    )
    kernels = Kernels(
        first=["mlsec_survey.report.basis", "mlsec_survey.report.latex"], used=["pandas"]
    )
    try:
        loaded = []
        for early in (True, False):
            job = NotebookJob("probe", source, {}, tmp_path, tmp_path, tmp_path, {})
            manager = kernels.manager_class(job.environment, tmp_path, early=early)
            execute_notebook(job, manager, tmp_path / "failed.ipynb")
            done = json.loads((tmp_path / "notebooks" / "probe.ipynb").read_text(encoding="utf-8"))
            loaded.append(printed(done, 0))
            # What is not loaded yet, a notebook imports.
            assert printed(done, 1) == "norm"
    finally:
        kernels.close()
    # How much more than pandas the first one finds depends on how long it was in coming.
    assert loaded[0][0]
    assert loaded[1] == [True, True, True, True]
