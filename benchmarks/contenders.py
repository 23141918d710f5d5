"""Other ways to run the same notebooks: one plain script, papermill one by one, jupyter-cache.

`python benchmarks/contenders.py NAME FOLDER [--set KEY=VALUE ...]` runs the notebooks of the copy
of the project in FOLDER. Every way gets the same cells, environment and outputs folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import yaml


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("name", choices=sorted(CONTENDERS))
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = arguments.parse_args()
    folder = options.folder.resolve()
    sys.path.insert(0, str(folder / "src"))
    os.environ |= {"MLSEC_PROJECT": str(folder), "MLSEC_RUN": str(folder)}
    os.environ |= {"MLSEC_OUTPUT": str(folder), "PYTHONPATH": str(folder / "src")}
    os.chdir(folder / "notebooks")
    parameters = dict(setting.split("=", 1) for setting in options.set)
    CONTENDERS[options.name](folder, {key: yaml.safe_load(v) for key, v in parameters.items()})


def notebooks(folder: Path) -> dict[str, list[str]]:
    """Return the names of the analysis notebooks in order, with the names of their parameters."""
    pipeline = yaml.safe_load((folder / "notebooks" / "pipeline.yml").read_text(encoding="utf-8"))
    return {
        name: entry.get("parameters") or []
        for name, entry in pipeline["notebooks"].items()
        if entry.get("kind", "analysis") == "analysis"
    }


def plain(folder: Path, parameters: dict[str, Any]) -> None:
    """Execute all cells of all notebooks in this one process, one notebook after the other."""
    import jupytext

    for name, known in notebooks(folder).items():
        os.environ["MLSEC_NOTEBOOK"] = name
        notebook = jupytext.read(folder / "notebooks" / f"{name}.py")
        namespace: dict[str, Any] = {"__name__": "__main__"}
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            exec(compile(cell.source, name, "exec"), namespace)
            if "parameters" in cell.metadata.get("tags", []):
                namespace |= {key: value for key, value in parameters.items() if key in known}


def papermill(folder: Path, parameters: dict[str, Any]) -> None:
    """Execute one notebook after the other with papermill as its documentation shows."""
    import jupytext
    import papermill as pm

    for name, known in notebooks(folder).items():
        os.environ["MLSEC_NOTEBOOK"] = name
        source = folder / "notebooks" / f"{name}.source.ipynb"
        jupytext.write(jupytext.read(folder / "notebooks" / f"{name}.py"), source)
        pm.execute_notebook(
            str(source),
            str(folder / "notebooks" / f"{name}.ipynb"),
            parameters={key: value for key, value in parameters.items() if key in known},
            kernel_name="python3",
            progress_bar=False,
        )


def jupyter_cache(folder: Path, parameters: dict[str, Any]) -> None:
    """Execute with jupyter-cache's parallel executor.

    It knows no order between notebooks, so those that wait for others are given to it in later
    groups; and it takes no parameters.
    """
    import jupytext
    from jupyter_cache import get_cache
    from jupyter_cache.executors import load_executor

    from mlsec_survey.runner.pipeline import load_pipeline

    os.environ.pop("MLSEC_NOTEBOOK", None)
    cache = get_cache(folder / ".jupyter_cache")
    pipeline = load_pipeline(folder)
    depth: dict[str, int] = {}
    for entry in pipeline.analysis:
        depth[entry.name] = 1 + max((depth[name] for name in pipeline.after(entry)), default=0)
    for level in range(1, max(depth.values()) + 1):
        group = [name for name in depth if depth[name] == level]
        for name in group:
            path = folder / "notebooks" / f"{name}.ipynb"
            notebook = jupytext.read(folder / "notebooks" / f"{name}.py")
            notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
            jupytext.write(notebook, path)
            cache.add_nb_to_project(str(path))
        uris = [str(folder / "notebooks" / f"{name}.ipynb") for name in group]
        executor = load_executor("local-parallel", cache=cache)
        result = executor.run_and_cache(filter_uris=uris, timeout=600)
        failed = [*result.errored, *result.excepted]
        if failed:
            raise SystemExit(f"jupyter-cache failed: {failed}")


CONTENDERS = {"plain": plain, "papermill": papermill, "jupyter-cache": jupyter_cache}

if __name__ == "__main__":
    main()
