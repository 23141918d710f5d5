"""The steps of a run: execute a notebook, render a page, gather the numbers, set the paper."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.base.locations import COLUMNS, resolve_coding, resolve_export
from mlsec_survey.runner.fingerprint import (
    Modules,
    code_of,
    combined,
    computed_part,
    digest,
    file_digest,
)
from mlsec_survey.runner.parameters import own_parameters
from mlsec_survey.runner.pipeline import PIPELINE, PUBLISHED, NotebookEntry, Pipeline, record_path

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]
DEFAULT_RUN = "default"
# Settings of how a run is computed, not of what: they never change a result.
HOW = ("scheduler",)
_PROSE = "text with prose"


@dataclass(frozen=True)
class Run:
    """One run: a folder and the parameters that differ from the defaults."""

    name: str
    folder: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pdf: bool = True


@dataclass(frozen=True)
class Step:
    """One unit of work.

    Attributes:
        run: the run that it belongs to.
        name: unique within the run.
        after: names of the steps of the same run that come first.
        inputs: returns the digest of each input by name, once the earlier steps are done.
        make: writes all outputs below an empty folder.
        shown_only: names of inputs that outputs show and no result depends on.
        revise: called in place of `make` when just such inputs have changed, with the folder of
            the earlier outputs and an empty one.
    """

    run: Run
    name: str
    after: tuple[str, ...]
    inputs: Callable[[], dict[str, str]]
    make: Callable[[Path], None]
    shown_only: frozenset[str] = frozenset()
    revise: Callable[[Path, Path], None] | None = None

    @property
    def label(self) -> str:
        """What people call it: `02_sample`, or `wave2/02_sample` in a run of that name."""
        return self.name if self.run.name == DEFAULT_RUN else f"{self.run.name}/{self.name}"


@dataclass
class Workshop:
    """What steps need to do their work; kernels come into being when the first step asks.

    Attributes:
        root: folder of the project.
        pipeline: as declared.
        kernels: returns the kernels of this process.
        execute: executes a notebook job; replaced when notebooks are sent to a cluster.
        scheduler: address of a Dask scheduler for computations inside notebooks, or None.
    """

    root: Path
    pipeline: Pipeline
    kernels: Callable[[], Any]
    cache: Path
    scheduler: str | None = None
    remote: Any = None

    def __post_init__(self) -> None:
        self.modules = Modules(PACKAGE_FOLDER, self.cache / "imports.json")

    def source(self, entry: NotebookEntry) -> str:
        """Return the text of a notebook as it is now."""
        return (self.root / entry.source).read_text(encoding="utf-8")

    def read_modules(self) -> None:
        """Compile the project's modules and find out which of them notebooks import.

        Both must be done anyway, by kernels and by steps, and can be done before these begin.
        """
        import compileall

        if not sys.dont_write_bytecode:
            compileall.compile_dir(PACKAGE_FOLDER, quiet=2)
        for entry in self.pipeline.notebooks.values():
            # What is wrong with a source, its step will say.
            with contextlib.suppress(OSError, AnalysisError):
                self.modules.used_by(code_of(self.source(entry)))


def steps_of(run: Run, shop: Workshop) -> list[Step]:
    """Return the steps of one run, in an order in which they can be done."""
    unknown = sorted(set(run.parameters) - set(shop.pipeline.parameters))
    if unknown:
        raise InputError(
            f"no notebook has a parameter {unknown[0]!r}",
            value=unknown[0],
            remedy="use one of " + ", ".join(shop.pipeline.parameters),
        )
    steps: list[Step] = []
    entries = shop.pipeline.analysis
    # Of what can be done at a time, the first goes first: pages wait for a processor to be free.
    steps += [notebook_step(run, entry, shop) for entry in shop.pipeline.by_start()]
    names = tuple(entry.name for entry in entries)
    if shop.pipeline.paper_main is not None:
        steps.append(_numbers_step(run, names, shop))
        if run.pdf:
            steps.append(_paper_step(run, shop))
    steps += [page_step(run, entry, shop) for entry in entries]
    steps.append(_index_step(run, names, shop))
    if shop.pipeline.pages.explorer is not None:
        steps.append(_explorer_step(run, shop.pipeline.pages.explorer, shop))
    if shop.pipeline.pages.glossary is not None:
        steps.append(_glossary_step(run, names, shop))
    steps.append(_search_step(run, names, shop))
    return steps


def notebook_step(run: Run, entry: NotebookEntry, shop: Workshop) -> Step:
    """Return the step that executes a notebook."""
    parameters = {**shop.pipeline.parameters, **run.parameters}

    def inputs() -> dict[str, str]:
        source = shop.source(entry)
        found = {_PROSE: digest(source.encode())}
        found["code"] = digest(computed_part(source).encode())
        for name in entry.parameters:
            if name not in HOW:
                found[f"parameter {name}"] = digest(json.dumps(parameters[name]).encode())
        for name, path in input_files(entry, parameters, shop, run).items():
            found[name] = file_digest(path)
        for module, sha in shop.modules.used_by(code_of(source)).items():
            found[f"module {module}"] = sha
        found["entry in pipeline"] = digest(repr(entry).encode())
        found["fonts of the figures"] = file_digest(PACKAGE_FOLDER / "figures" / "fonts")
        found["templates of results"] = file_digest(PACKAGE_FOLDER / "report" / "templates")
        return found | _environment(
            shop, "execute.py", "kernels/provisioner.py", "kernels/warm_server.py"
        )

    def make(output: Path) -> None:
        from mlsec_survey.runner.execute import NotebookJob

        source = shop.source(entry)
        job = NotebookJob(
            entry.name,
            source,
            _to_inject(entry, source, parameters),
            shop.root,
            run.folder,
            output,
            {"MLSEC_SCHEDULER": shop.scheduler} if shop.scheduler else {},
        )
        failed = shop.cache / "failed" / run.name / entry.executed.name
        if shop.remote is not None:
            shop.remote.execute(job, input_files(entry, parameters, shop, run))
        else:
            from mlsec_survey.runner.execute import execute_notebook

            manager = shop.kernels().manager_class(
                job.environment, shop.root / "notebooks", early=not shop.pipeline.after(entry)
            )
            execute_notebook(job, manager, failed)
        wanted = list(map(Path, entry.outputs))
        if shop.modules.used_by(code_of(source)):
            # A notebook that uses the project publishes something, if only that it is there.
            wanted.append(entry.record)
        absent = [path for path in wanted if not (output / path).is_file()]
        if absent:
            raise InputError(
                f"notebook {entry.name} did not write {absent[0]}",
                file=PIPELINE,
                remedy=(
                    "end the notebook with `pub.close()`, which writes the record"
                    if absent[0] == entry.record
                    else "write it in the notebook, or take it out of its outputs"
                ),
            )

    def revise(earlier: Path, output: Path) -> None:
        from mlsec_survey.runner.execute import with_prose_of

        shutil.copytree(earlier, output, dirs_exist_ok=True)
        source = shop.source(entry)
        notebook = output / entry.executed
        revised = with_prose_of(source, notebook.read_text(encoding="utf-8"))
        notebook.write_text(revised, encoding="utf-8")

    return Step(
        run, entry.name, shop.pipeline.after(entry), inputs, make, frozenset({_PROSE}), revise
    )


def _to_inject(entry: NotebookEntry, source: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters whose value is not the one that the notebook itself gives them."""
    own = own_parameters(source)
    inject = {}
    for name in entry.parameters:
        if name in HOW:
            continue
        if name not in own:
            raise InputError(
                f"the pipeline gives this notebook a parameter {name!r} that it does not have",
                file=entry.source,
                value=name,
                remedy="set it in the cell tagged `parameters`, or take it out of the pipeline",
            )
        if json.dumps(parameters[name]) != json.dumps(own[name]):
            inject[name] = parameters[name]
    return inject


def input_files(
    entry: NotebookEntry, parameters: Mapping[str, Any], shop: Workshop, run: Run
) -> dict[str, Path]:
    """Return the files that a notebook reads, by the names that the pipeline gives them."""
    made = {path for other in shop.pipeline.notebooks.values() for path in other.outputs}
    files = {"columns": shop.root / COLUMNS}
    for name in entry.inputs:
        if name == "export":
            export = resolve_export(shop.root, parameters["export"])
            files["export"] = export
            files["manifest"] = export.with_name(f"{export.stem}.manifest.yml")
        elif name == "coding":
            export = resolve_export(shop.root, parameters["export"])
            coding = resolve_coding(shop.root, parameters["coding"], export)
            if coding is not None:
                files["coding"] = coding
        elif name in parameters:
            files[name] = shop.root / str(parameters[name])
        elif name.startswith(PUBLISHED):
            files[name] = run.folder / record_path(name.removeprefix(PUBLISHED))
        else:
            files[name] = (run.folder if name in made else shop.root) / name
    return files


def _environment(shop: Workshop, *code: str) -> dict[str, str]:
    found = {
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "requirements.lock": file_digest(shop.root / "requirements.lock"),
    }
    for name in code:
        found[f"runner {name}"] = file_digest(Path(__file__).parent / name)
    return found


def _synthetic(record: Path) -> bool:
    return bool(json.loads(record.read_text(encoding="utf-8"))["synthetic"])


def _navigation(shop: Workshop) -> list[tuple[str, str]]:
    pages = [("index", "Answers")] + [
        (entry.name, f"{entry.name[:2]} {entry.title}") for entry in shop.pipeline.analysis
    ]
    if shop.pipeline.pages.explorer is not None:
        pages.append(("explore", "Explore the answers"))
    if shop.pipeline.pages.glossary is not None:
        pages.append(("glossary", "Glossary"))
    return [*pages, ("search", "Search")]


def _page_facts(shop: Workshop, name: str, title: str, synthetic: bool) -> dict[str, Any]:
    """Return what every page of a run shows around its text; see `pages.render_page`."""
    glossary = shop.pipeline.pages.glossary
    return {
        "name": name,
        "title": title,
        "synthetic": synthetic,
        "navigation": _navigation(shop),
        "search": "search.html",
        "glossary": str(shop.root / glossary) if glossary else None,
    }


def _page_inputs(shop: Workshop, facts: Mapping[str, Any], module: str = "pages") -> dict[str, str]:
    """Return the digests of what the look of every page depends on."""
    # Paths are given to pages but are no part of them.
    shown = {name: fact for name, fact in facts.items() if name not in ("glossary", "answers")}
    found = {
        "template": file_digest(PACKAGE_FOLDER / "runner" / "outputs" / "template"),
        "facts": digest(json.dumps(shown).encode()),
    }
    for name in ("glossary", "answers"):
        if facts.get(name):
            found[name] = file_digest(Path(facts[name]))
    modules = shop.modules.used_by(f"import mlsec_survey.runner.outputs.{module}")
    return found | _environment(shop) | {f"module {module}": sha for module, sha in modules.items()}


def _render(shop: Workshop, page: str, **arguments: Any) -> None:
    """Call `pages.render_PAGE` in a process that has its libraries loaded."""
    shop.kernels().call(f"mlsec_survey.runner.outputs.pages:render_{page}", arguments, shop.root)


def page_step(
    run: Run,
    entry: NotebookEntry,
    shop: Workshop,
    navigation: list[tuple[str, str]] | None = None,
) -> Step:
    """Return the step that renders the page of an executed notebook.

    Args:
        run: that the notebook belongs to.
        entry: the notebook.
        shop: what steps need.
        navigation: pairs of page, without ending, and title; default all notebooks of the run.
    """
    notebook = run.folder / entry.executed

    def facts() -> dict[str, Any]:
        record = json.loads((run.folder / entry.record).read_text(encoding="utf-8"))
        found = _page_facts(shop, entry.name, entry.title, bool(record["synthetic"]))
        if navigation:
            # A page on its own, apart from the pages of a run.
            found |= {"navigation": navigation, "search": None, "glossary": None}
        return found | {"places": _places(shop, record) if run.pdf else {}}

    def pictures() -> dict[str, str]:
        record = json.loads((run.folder / entry.record).read_text(encoding="utf-8"))
        return {
            path.name: file_digest(path)
            for key in record["figures"]
            for path in sorted((run.folder / "figures").glob(f"{key}*"))
            if path.suffix in (".svg", ".csv")
        }

    def inputs() -> dict[str, str]:
        return {
            "executed notebook": file_digest(notebook),
            "pictures": combined(pictures()),
        } | _page_inputs(shop, facts())

    def make(output: Path) -> None:
        page = output / "html" / f"{entry.name}.html"
        _render(shop, "page", notebook=str(notebook), output=str(page), entry=facts())

    return Step(run, f"{entry.name}.html", (entry.name,), inputs, make)


def _places(shop: Workshop, record: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Return where the paper uses what a notebook published, by kind and key."""
    from mlsec_survey.report.paper_places import paper_places

    main = shop.pipeline.paper_main
    if main is None:
        return {}
    found: dict[str, dict[str, list[str]]] = {}
    for (kind, key), places in paper_places(shop.root / main).items():
        if key in record[kind]:
            found.setdefault(kind, {})[key] = places
    return found


def _records(run: Run, names: tuple[str, ...]) -> list[Path]:
    return [run.folder / record_path(name) for name in names]


def _index_step(run: Run, names: tuple[str, ...], shop: Workshop) -> Step:
    answers = shop.pipeline.pages.answers

    def facts() -> dict[str, Any]:
        paper = shop.pipeline.paper_main
        synthetic = any(_synthetic(path) for path in _records(run, names))
        title = "Machine learning security in industry: the results at a glance"
        return _page_facts(shop, "index", title, synthetic) | {
            "questions": {entry.name: entry.question for entry in shop.pipeline.analysis},
            "paper": f"../{paper.with_suffix('.pdf').as_posix()}" if paper and run.pdf else None,
            "answers": str(shop.root / answers) if answers else None,
        }

    def inputs() -> dict[str, str]:
        return {
            "records": combined({path.name: file_digest(path) for path in _records(run, names)}),
        } | _page_inputs(shop, facts())

    def make(output: Path) -> None:
        records = [str(path) for path in _records(run, names)]
        page = output / "html" / "index.html"
        _render(shop, "index", records=records, output=str(page), entry=facts())

    return Step(run, "index.html", names, inputs, make)


def _explorer_step(run: Run, notebook: str, shop: Workshop) -> Step:
    """Return the step that makes the explorer from the analysis file that `notebook` writes."""
    parameters = {**shop.pipeline.parameters, **run.parameters}
    files = {
        name: run.folder / "data" / "processed" / f"{file}.parquet"
        for name, file in (("responses", "responses"), ("missing", "missing_kinds"))
    } | {"codebook": shop.root / str(parameters["codebook"])}

    def facts() -> dict[str, Any]:
        synthetic = _synthetic(run.folder / record_path(notebook))
        return _page_facts(shop, "explore", "Explore the answers", synthetic)

    def inputs() -> dict[str, str]:
        return {name: file_digest(path) for name, path in files.items()} | _page_inputs(
            shop, facts(), "explorer"
        )

    def make(output: Path) -> None:
        paths = {name: str(path) for name, path in files.items()}
        page = output / "html" / "explore.html"
        shop.kernels().call(
            "mlsec_survey.runner.outputs.explorer:render_explorer",
            {**paths, "output": str(page), "entry": facts()},
            shop.root,
        )

    return Step(run, "explore.html", (notebook,), inputs, make)


def _glossary_step(run: Run, names: tuple[str, ...], shop: Workshop) -> Step:
    def facts() -> dict[str, Any]:
        synthetic = any(_synthetic(path) for path in _records(run, names))
        return _page_facts(shop, "glossary", "Glossary", synthetic)

    def make(output: Path) -> None:
        page = output / "html" / "glossary.html"
        _render(shop, "glossary", output=str(page), entry=facts())

    return Step(run, "glossary.html", names, lambda: _page_inputs(shop, facts()), make)


def _search_step(run: Run, names: tuple[str, ...], shop: Workshop) -> Step:
    """Return the step that makes the page that searches all others, so it comes last."""
    pages = [name for name, _ in _navigation(shop) if name != "search"]

    def paths() -> list[Path]:
        return [run.folder / "html" / f"{name}.html" for name in pages]

    def facts() -> dict[str, Any]:
        synthetic = any(_synthetic(path) for path in _records(run, names))
        return _page_facts(shop, "search", "Search", synthetic)

    def inputs() -> dict[str, str]:
        return {
            "pages": combined({path.name: file_digest(path) for path in paths()}),
        } | _page_inputs(shop, facts())

    def make(output: Path) -> None:
        page = output / "html" / "search.html"
        _render(shop, "search", pages=list(map(str, paths())), output=str(page), entry=facts())

    return Step(run, "search.html", tuple(f"{name}.html" for name in pages), inputs, make)


def _numbers_step(run: Run, names: tuple[str, ...], shop: Workshop) -> Step:
    main = shop.pipeline.paper_main
    assert main is not None

    def inputs() -> dict[str, str]:
        return {
            "records": combined({path.name: file_digest(path) for path in _records(run, names)}),
            **_paper_sources(shop),
            "module macros": file_digest(PACKAGE_FOLDER / "report" / "macros.py"),
            "module latex": file_digest(PACKAGE_FOLDER / "report" / "latex.py"),
        }

    def make(output: Path) -> None:
        from mlsec_survey.report.macros import assemble

        assemble(_records(run, names), shop.root / main.parent, output / "paper" / "generated")

    return Step(run, "numbers", names, inputs, make)


def _paper_sources(shop: Workshop) -> dict[str, str]:
    paths = [shop.pipeline.paper_main, *shop.pipeline.paper_inputs]
    return {str(path): file_digest(shop.root / path) for path in paths if path is not None}


def _paper_step(run: Run, shop: Workshop) -> Step:
    main = shop.pipeline.paper_main
    assert main is not None

    def inputs() -> dict[str, str]:
        return {
            **_paper_sources(shop),
            "numbers": file_digest(run.folder / "paper" / "generated" / "numbers.tex"),
            "tables": file_digest(run.folder / "paper" / "generated" / "tables"),
            "figures": combined(
                {
                    path.name: file_digest(path)
                    for path in sorted((run.folder / "figures").glob("*.pdf"))
                }
            ),
        } | _environment(shop, "outputs/typesetting.py")

    def make(output: Path) -> None:
        from mlsec_survey.base.system import TEX, install
        from mlsec_survey.runner.outputs.typesetting import typeset

        if TEX.missing():
            install(TEX)
        log = shop.cache / f"latex-{run.name}.log"
        typeset(shop.root, run.folder, main, shop.pipeline.paper_inputs, output, log)

    return Step(run, "paper", ("numbers",), inputs, make)
