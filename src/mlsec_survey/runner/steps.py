"""The steps of a run: execute a notebook, render a page, gather the numbers, set the paper."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.files import write_whole
from mlsec_survey.base.locations import COLUMNS, resolve_coding, resolve_export
from mlsec_survey.base.system import TEX, install
from mlsec_survey.base.yaml_input import read_yaml, validate
from mlsec_survey.report.home import load_home
from mlsec_survey.runner.fingerprint import code_of, combined, computed_part, digest, file_digest
from mlsec_survey.runner.parameters import own_parameters
from mlsec_survey.runner.pipeline import (
    PIPELINE,
    PUBLISHED,
    NotebookEntry,
    NotebookJob,
    record_path,
)
from mlsec_survey.runner.store import Record
from mlsec_survey.runner.workspace import PACKAGE_FOLDER, Workspace

DEFAULT_RUN = "default"
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
        rescue: called before outputs take their places, with the record of the earlier ones.
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
    rescue: Callable[[Record | None], None] | None = None

    @property
    def label(self) -> str:
        """What people call it: `02_sample`, or `wave2/02_sample` in a run of that name."""
        return self.name if self.run.name == DEFAULT_RUN else f"{self.run.name}/{self.name}"


def steps_of(run: Run, work: Workspace) -> list[Step]:
    """Return the steps of one run, in an order in which they can be done."""
    steps: list[Step] = []
    entries = work.pipeline.analysis
    # Of what can be done at a time, the first goes first: pages wait for a processor to be free.
    steps += [notebook_step(run, entry, work) for entry in work.pipeline.by_start()]
    names = tuple(entry.name for entry in entries)
    if work.pipeline.paper_main is not None:
        steps.append(_numbers_step(run, names, work))
        if run.pdf:
            steps.append(_paper_step(run, work))
    steps += [page_step(run, entry, work) for entry in entries]
    steps.append(_index_step(run, names, work))
    if work.pipeline.pages.explorer is not None:
        steps.append(_explorer_step(run, work.pipeline.pages.explorer, work))
        if work.pipeline.pages.audit is not None:
            steps.append(_audit_step(run, work.pipeline.pages.explorer, work))
    if work.pipeline.pages.glossary is not None:
        steps.append(_glossary_step(run, names, work))
    steps.append(_search_step(run, names, work))
    return steps


def waves_steps(run: Run, work: Workspace) -> list[Step]:
    """Return the steps that execute the notebooks of kind `waves` and render their pages."""
    steps: list[Step] = []
    for entry in work.pipeline.notebooks.values():
        if entry.kind == "waves":
            made = notebook_step(run, entry, work)
            page = page_step(run, entry, work, [(entry.name, entry.title)])
            steps += [replace(made, inputs=_with_waves(made, run, work)), page]
    return steps


def _with_waves(step: Step, run: Run, work: Workspace) -> Callable[[], dict[str, str]]:
    """Return the inputs of a step and every file that the file of waves names."""
    from mlsec_survey.instrument.waves import Waves

    listed = validate(read_yaml(work.root / run.parameters["waves"]), Waves)

    def inputs() -> dict[str, str]:
        found = step.inputs()
        for wave in listed.waves:
            for name in filter(None, (wave.export, wave.overlay)):
                path = work.root / name
                found[name] = file_digest(path)
                manifest = path.with_name(f"{path.stem}.manifest.yml")
                found[f"manifest of {name}"] = file_digest(manifest)
        return found

    return inputs


def notebook_step(run: Run, entry: NotebookEntry, work: Workspace) -> Step:
    """Return the step that executes a notebook."""
    parameters = {**work.pipeline.parameters, **run.parameters}

    def inputs() -> dict[str, str]:
        source = work.source(entry)
        found = {_PROSE: digest(source.encode())}
        found["code"] = digest(computed_part(source).encode())
        for name in entry.parameters:
            if not work.pipeline.schema.parameters[name].how:
                found[f"parameter {name}"] = digest(json.dumps(parameters[name]).encode())
        for name, path in input_files(entry, parameters, work, run).items():
            found[name] = file_digest(path)
        for module, sha in work.modules.used_by(code_of(source)).items():
            found[f"module {module}"] = sha
        found["entry in pipeline"] = digest(repr(entry).encode())
        found["fonts of the figures"] = file_digest(PACKAGE_FOLDER / "figures" / "fonts")
        found["templates of results"] = file_digest(PACKAGE_FOLDER / "report" / "templates")
        return found | _environment(work, "mlsec_survey.runner.execute")

    def make(output: Path) -> None:
        source = work.source(entry)
        job = NotebookJob(
            entry.name,
            source,
            _to_inject(entry, source, parameters),
            work.root,
            run.folder,
            output,
            {"MLSEC_SCHEDULER": work.scheduler} if work.scheduler else {},
        )
        failed = work.cache / "failed" / run.name / entry.executed.name
        work.execute(job, input_files(entry, parameters, work, run), failed)
        wanted = list(map(Path, entry.outputs))
        if work.modules.used_by(code_of(source)):
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
        # Loaded only where a notebook's text is needed; most calls find nothing to do.
        from mlsec_survey.runner.execute import with_prose_of

        shutil.copytree(earlier, output, dirs_exist_ok=True)
        source = work.source(entry)
        notebook = output / entry.executed
        revised = with_prose_of(source, notebook.read_text(encoding="utf-8"))
        notebook.write_text(revised, encoding="utf-8")

    def rescue(record: Record | None) -> None:
        keep_edits(run, entry, work, record)

    return Step(
        run,
        entry.name,
        work.pipeline.after(entry),
        inputs,
        make,
        frozenset({_PROSE}),
        revise,
        rescue,
    )


def keep_edits(run: Run, entry: NotebookEntry, work: Workspace, record: Record | None) -> None:
    """Keep an executed notebook that was edited, before it is replaced by one from the text.

    Executed notebooks are outputs. JupyterLab keeps their text in step, other programs do not, and
    then the edits are in the executed notebook alone.
    """
    path = run.folder / entry.executed
    known = record.outputs.get(entry.executed.as_posix()) if record else None
    if not path.is_file() or file_digest(path) == known or _git_has(path):
        return
    from mlsec_survey.runner.execute import read_notebook, sources_in

    if sources_in(path) == sources_in(read_notebook(work.source(entry))):
        return
    kept = work.cache / "edited" / run.name / f"{entry.name}-{file_digest(path)[:8]}.ipynb"
    write_whole(kept, path.read_bytes())
    print(
        f"note: {path.relative_to(work.root)} was edited, and its text {entry.source} was not; the "
        f"edited one is kept as {kept.relative_to(work.root)}",
        file=sys.stderr,
    )


def _git_has(path: Path) -> bool:
    """Return whether git has a file as it is, so that nothing is lost when it is replaced."""
    commands = (["ls-files", "--error-unmatch"], ["diff", "--quiet", "HEAD", "--"])
    try:
        return all(
            subprocess.run(
                ["git", *command, path.name], cwd=path.parent, capture_output=True, check=False
            ).returncode
            == 0
            for command in commands
        )
    except OSError:
        return False


def _to_inject(entry: NotebookEntry, source: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters whose value is not the one that the notebook itself gives them."""
    own = own_parameters(source)
    inject = {}
    for name in entry.parameters:
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
    entry: NotebookEntry, parameters: Mapping[str, Any], work: Workspace, run: Run
) -> dict[str, Path]:
    """Return the files that a notebook reads, by the names that the pipeline gives them."""
    made = {path for other in work.pipeline.notebooks.values() for path in other.outputs}
    files = {"columns": work.root / COLUMNS}
    for name in entry.inputs:
        if name == "export":
            export = resolve_export(work.root, parameters["export"])
            files["export"] = export
            files["manifest"] = export.with_name(f"{export.stem}.manifest.yml")
        elif name == "coding":
            export = resolve_export(work.root, parameters["export"])
            coding = resolve_coding(work.root, parameters["coding"], export)
            if coding is not None:
                files["coding"] = coding
        elif name in parameters:
            files[name] = work.root / str(parameters[name])
        elif name.startswith(PUBLISHED):
            files[name] = run.folder / record_path(name.removeprefix(PUBLISHED))
        else:
            files[name] = (run.folder if name in made else work.root) / name
    return files


def _environment(work: Workspace, module: str) -> dict[str, str]:
    """Return digests of the locked libraries, and of a module with all that it imports."""
    modules = work.modules.used_by(f"import {module}")
    return {
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "requirements.lock": file_digest(work.root / "requirements.lock"),
    } | {f"module {name}": sha for name, sha in modules.items()}


def _synthetic(record: Path) -> bool:
    return bool(json.loads(record.read_text(encoding="utf-8"))["synthetic"])


def _navigation(work: Workspace) -> list[tuple[str, str]]:
    pages = [("index", "Answers")] + [
        (entry.name, f"{entry.name[:2]} {entry.title}") for entry in work.pipeline.analysis
    ]
    if work.pipeline.pages.explorer is not None:
        pages.append(("explore", "Explore the answers"))
        if work.pipeline.pages.audit is not None:
            pages.append(("audit", "Self-assessment"))
    if work.pipeline.pages.glossary is not None:
        pages.append(("glossary", "Glossary"))
    return [*pages, ("search", "Search")]


def _page_facts(work: Workspace, name: str, title: str, synthetic: bool) -> dict[str, Any]:
    """Return what every page of a run shows around its text; see `pages.render_page`."""
    glossary = work.pipeline.pages.glossary
    return {
        "name": name,
        "title": title,
        "synthetic": synthetic,
        "navigation": _navigation(work),
        "search": "search.html",
        "glossary": str(work.root / glossary) if glossary else None,
    }


def _page_inputs(
    work: Workspace, facts: Mapping[str, Any], module: str = "pages"
) -> dict[str, str]:
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
    return found | _environment(work, f"mlsec_survey.runner.outputs.{module}")


def _render(work: Workspace, page: str, **arguments: Any) -> None:
    """Call `pages.render_PAGE` in a process that has its libraries loaded."""
    work.call("mlsec_survey.runner.outputs.pages", f"render_{page}", **arguments)


def page_step(
    run: Run,
    entry: NotebookEntry,
    work: Workspace,
    navigation: list[tuple[str, str]] | None = None,
) -> Step:
    """Return the step that renders the page of an executed notebook.

    Args:
        run: that the notebook belongs to.
        entry: the notebook.
        work: what steps need.
        navigation: pairs of page, without ending, and title; default all notebooks of the run.
    """
    notebook = run.folder / entry.executed

    def facts() -> dict[str, Any]:
        record = json.loads((run.folder / entry.record).read_text(encoding="utf-8"))
        found = _page_facts(work, entry.name, entry.title, bool(record["synthetic"]))
        if navigation:
            # A page on its own, apart from the pages of a run.
            found |= {"navigation": navigation, "search": None, "glossary": None}
        elif work.pipeline.pages.answers:
            found["answers"] = str(work.root / work.pipeline.pages.answers)
        return found | {"places": _places(work, record)}

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
            "record": file_digest(run.folder / entry.record),
            "pictures": combined(pictures()),
        } | _page_inputs(work, facts())

    def make(output: Path) -> None:
        page = output / "html" / f"{entry.name}.html"
        shown = facts() | {"record": str(run.folder / entry.record)}
        _render(work, "page", notebook=str(notebook), output=str(page), entry=shown)

    return Step(run, f"{entry.name}.html", (entry.name,), inputs, make)


def _places(work: Workspace, record: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Return where the paper uses what a notebook published, by kind and key."""
    from mlsec_survey.report.paper_places import paper_places

    main = work.pipeline.paper_main
    if main is None:
        return {}
    found: dict[str, dict[str, list[str]]] = {}
    for (kind, key), places in paper_places(work.root / main).items():
        if key in record[kind]:
            found.setdefault(kind, {})[key] = places
    return found


def _records(run: Run, names: tuple[str, ...]) -> list[Path]:
    return [run.folder / record_path(name) for name in names]


def _index_step(run: Run, names: tuple[str, ...], work: Workspace) -> Step:
    answers = work.pipeline.pages.answers

    def facts() -> dict[str, Any]:
        paper = work.pipeline.paper_main
        synthetic = any(_synthetic(path) for path in _records(run, names))
        title = "Machine learning security in industry: the results at a glance"
        return _page_facts(work, "index", title, synthetic) | {
            "questions": {entry.name: entry.question for entry in work.pipeline.analysis},
            "paper": f"../{paper.with_suffix('.pdf').as_posix()}" if paper and run.pdf else None,
            "answers": str(work.root / answers) if answers else None,
        }

    def inputs() -> dict[str, str]:
        return {
            "records": combined({path.name: file_digest(path) for path in _records(run, names)}),
        } | _page_inputs(work, facts())

    def make(output: Path) -> None:
        records = [str(path) for path in _records(run, names)]
        page = output / "html" / "index.html"
        _render(work, "index", records=records, output=str(page), entry=facts())

    return Step(run, "index.html", names, inputs, make)


def _explorer_step(run: Run, notebook: str, work: Workspace) -> Step:
    """Return the step that makes the explorer from the analysis file that `notebook` writes."""
    title = "Explore the answers"
    return _counted_page(run, notebook, work, ("explore", title), "explorer", {})


def _audit_step(run: Run, notebook: str, work: Workspace) -> Step:
    """Return the step that makes the self-assessment, beside the answers in the same file."""
    files = {
        "claims": Path("data/claims.yml"),
        "facts": Path("data/published/facts.csv"),
        "audit": work.pipeline.pages.audit or Path(),
    }
    page = ("audit", "Self-assessment for one organisation")
    return _counted_page(run, notebook, work, page, "audit", files)


def _counted_page(
    run: Run,
    notebook: str,
    work: Workspace,
    page: tuple[str, str],
    module: str,
    more: Mapping[str, Path],
) -> Step:
    """Return the step of a page with counts of the analysis file that `notebook` writes.

    Args:
        run: that the page belongs to.
        notebook: that writes the analysis file.
        work: what steps need.
        page: its name and title.
        module: of `runner.outputs`, with a function `render_` of the same name.
        more: further files that it takes, below the project, by parameter.
    """
    name, title = page
    parameters = {**work.pipeline.parameters, **run.parameters}
    files = {
        name: run.folder / "data" / "processed" / f"{file}.parquet"
        for name, file in (("responses", "responses"), ("missing", "missing_kinds"))
    } | {name: work.root / str(parameters[name]) for name in ("codebook", "plan")}
    files |= {name: work.root / path for name, path in more.items()}

    def facts() -> dict[str, Any]:
        synthetic = _synthetic(run.folder / record_path(notebook))
        return _page_facts(work, name, title, synthetic)

    def inputs() -> dict[str, str]:
        return {name: file_digest(path) for name, path in files.items()} | _page_inputs(
            work, facts(), module
        )

    def make(output: Path) -> None:
        work.call(
            f"mlsec_survey.runner.outputs.{module}",
            f"render_{module}",
            **{name: str(path) for name, path in files.items()},
            output=str(output / "html" / f"{name}.html"),
            entry=facts(),
        )

    return Step(run, f"{name}.html", (notebook,), inputs, make)


def _glossary_step(run: Run, names: tuple[str, ...], work: Workspace) -> Step:
    def facts() -> dict[str, Any]:
        synthetic = any(_synthetic(path) for path in _records(run, names))
        return _page_facts(work, "glossary", "Glossary", synthetic)

    def make(output: Path) -> None:
        page = output / "html" / "glossary.html"
        _render(work, "glossary", output=str(page), entry=facts())

    return Step(run, "glossary.html", names, lambda: _page_inputs(work, facts()), make)


def _search_step(run: Run, names: tuple[str, ...], work: Workspace) -> Step:
    """Return the step that makes the page that searches all others, so it comes last."""
    pages = [name for name, _ in _navigation(work) if name != "search"]

    def paths() -> list[Path]:
        return [run.folder / "html" / f"{name}.html" for name in pages]

    def facts() -> dict[str, Any]:
        synthetic = any(_synthetic(path) for path in _records(run, names))
        return _page_facts(work, "search", "Search", synthetic)

    def inputs() -> dict[str, str]:
        return {
            "pages": combined({path.name: file_digest(path) for path in paths()}),
        } | _page_inputs(work, facts())

    def make(output: Path) -> None:
        page = output / "html" / "search.html"
        _render(work, "search", pages=list(map(str, paths())), output=str(page), entry=facts())

    return Step(run, "search.html", tuple(f"{name}.html" for name in pages), inputs, make)


def _numbers_step(run: Run, names: tuple[str, ...], work: Workspace) -> Step:
    main = work.pipeline.paper_main
    assert main is not None
    # Where the project's own results are served, so that links work in a PDF that is sent alone.
    home = load_home(work.root) if run.folder == work.root else None
    pages = None if home is None else home.pages

    def inputs() -> dict[str, str]:
        return {
            "pages": pages or "beside the paper",
            "records": combined({path.name: file_digest(path) for path in _records(run, names)}),
            **_paper_sources(work),
        } | _environment(work, "mlsec_survey.report.macros")

    def make(output: Path) -> None:
        from mlsec_survey.report.macros import BESIDE, assemble

        out = output / "paper" / "generated"
        assemble(_records(run, names), work.root / main.parent, out, pages=pages or BESIDE)

    return Step(run, "numbers", names, inputs, make)


def _paper_sources(work: Workspace) -> dict[str, str]:
    paths = [work.pipeline.paper_main, *work.pipeline.paper_inputs]
    for path in paths:
        texts = [work.root / path, *(work.root / path).rglob("*.tex")] if path is not None else []
        for text in texts:
            if text.suffix == ".tex":
                work.text(text.relative_to(work.root))
    return {str(path): file_digest(work.root / path) for path in paths if path is not None}


def _paper_step(run: Run, work: Workspace) -> Step:
    main = work.pipeline.paper_main
    assert main is not None

    def inputs() -> dict[str, str]:
        return {
            **_paper_sources(work),
            "numbers": file_digest(run.folder / "paper" / "generated" / "numbers.tex"),
            "tables": file_digest(run.folder / "paper" / "generated" / "tables"),
            "figures": combined(
                {
                    path.name: file_digest(path)
                    for path in sorted((run.folder / "figures").glob("*.pdf"))
                }
            ),
        } | _environment(work, "mlsec_survey.runner.outputs.typesetting")

    def make(output: Path) -> None:
        from mlsec_survey.runner.outputs.typesetting import typeset

        if TEX.missing():
            install(TEX)
        log = work.cache / f"latex-{run.name}.log"
        typeset(work.root, run.folder, main, work.pipeline.paper_inputs, output, log)

    return Step(run, "paper", ("numbers",), inputs, make)
