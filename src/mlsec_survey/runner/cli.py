"""The command line of scripts/run_all.py."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mlsec_survey.base.errors import CompendiumError, InputError
from mlsec_survey.base.files import input_error, remove
from mlsec_survey.base.locations import PRIVATE_RUN, resolve_export
from mlsec_survey.instrument.manifest import may_be_tracked
from mlsec_survey.parallel.processes import jobs
from mlsec_survey.runner.engine import Outcome, do
from mlsec_survey.runner.pipeline import Pipeline, load_pipeline
from mlsec_survey.runner.selection import forced, state, tell_why, wanted, would_run_before
from mlsec_survey.runner.steps import DEFAULT_RUN, Run, Step, steps_of, waves_steps
from mlsec_survey.runner.store import Store
from mlsec_survey.runner.workspace import Workspace

DESCRIPTION = """\
Run the notebooks and make figures, tables, web pages and the paper.

Without options: everything that a change made necessary, into the project's own folders
(notebooks/, figures/, paper/, html/). Nothing changed: nothing to do. Results of answers that are
not synthetic go to runs/export/, which git ignores; `make release` checks what may leave it.
"""
EXAMPLES = """\
examples:
  run_all.py                                  whatever a change made necessary
  run_all.py --only 02_sample                 one notebook with its page, and what it needs
  run_all.py --why 04_hypotheses              what would make that notebook run again
  run_all.py --run wave2 --set seed=7         the same with another seed, under runs/wave2/
  run_all.py --batch my_runs.yml              many runs, then a notebook that compares them
  run_all.py --waves data/waves/example.yml   what changed between waves of the survey

exit status:
  0 all done   1 an analysis failed   2 bad input or usage   3 all but the PDF (TeX is missing)
"""


def parser(pipeline: Pipeline | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command line, whose help lists the parameters of a pipeline."""
    made = argparse.ArgumentParser(
        prog="run_all.py",
        description=DESCRIPTION,
        epilog=f"{_parameter_help(pipeline)}{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = made.add_argument_group("what to run")
    what.add_argument("--only", nargs="+", metavar="NAME", help="these steps and what they need")
    what.add_argument("--run", metavar="NAME", help="a run of its own, under runs/NAME/")
    what.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="see below; repeatable"
    )
    what.add_argument("--batch", metavar="FILE", type=Path, help="many runs, listed in a YAML file")
    what.add_argument("--waves", metavar="FILE", help="waves of the survey, listed in a YAML file")
    what.add_argument("--no-pdf", action="store_true", help="leave the paper out")
    what.add_argument("--notebooks-only", action="store_true", help="leave pages and paper out")
    how = made.add_argument_group("how to run it")
    how.add_argument("--force", action="store_true", help="also what is unchanged")
    how.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="side by side (default: as many as processors and memory allow)",
    )
    how.add_argument("--cold", action="store_true", help="ordinary kernels instead of forked ones")
    how.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler for computations, or a batch's notebooks",
    )
    tell = made.add_argument_group("tell, do nothing")
    tell.add_argument("--why", metavar="NAME", help="tell why a step would run")
    tell.add_argument(
        "--list", action="store_true", help="list the steps and whether they are current"
    )
    return made


def _options(arguments: Sequence[str] | None, root: Path) -> argparse.Namespace:
    pipeline = None
    if {"-h", "--help"} & set(sys.argv[1:] if arguments is None else arguments):
        with suppress(InputError):
            pipeline = load_pipeline(root)
    return parser(pipeline).parse_args(arguments)


def _parameter_help(pipeline: Pipeline | None) -> str:
    if pipeline is None:
        return ""
    lines = ["parameters for --set, for batches and for notebooks:"]
    for name in pipeline.settable:
        parameter = pipeline.schema.parameters[name]
        lines += [
            f"  {name} = {parameter.default}   {parameter.meaning}",
            f"      takes {parameter.words}",
        ]
    return "\n".join(lines) + "\n\n"


def main(
    arguments: Sequence[str] | None = None,
    root: Path | None = None,
) -> int:
    """Run the command line and return the exit status.

    Args:
        arguments: default those of this process.
        root: folder of the project.
    """
    root = (root or Path.cwd()).resolve()
    options = _options(arguments, root)
    earlier = signal.signal(signal.SIGTERM, _end)
    try:
        return _main(options, root)
    except CompendiumError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except (KeyboardInterrupt, _Terminated) as reason:
        print("\ninterrupted; what was finished is kept", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        # All other processes have ended by now; threads that waited for them need no farewell.
        os._exit(143 if isinstance(reason, _Terminated) else 130)
    except BrokenPipeError:
        # Whoever read what this prints has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"error: {input_error(error)}", file=sys.stderr)
        return InputError.exit_status
    finally:
        signal.signal(signal.SIGTERM, earlier)


class _Terminated(BaseException):
    """This process was asked to end."""


def _end(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


def _main(options: argparse.Namespace, root: Path) -> int:
    started = time.monotonic()
    if options.jobs is not None and options.jobs < 1:
        raise InputError("--jobs must be at least 1", value=options.jobs)
    pipeline = load_pipeline(root)
    sizes = [file.stat().st_size for file in (root / "data" / "raw").glob("*") if file.is_file()]
    work = Workspace(
        root,
        pipeline,
        jobs=options.jobs or jobs(max(sizes, default=0)),
        fork=not options.cold,
        scheduler=options.scheduler,
    )
    if options.scheduler is not None:
        # Loaded only where there is a cluster.
        from mlsec_survey.parallel.tasks import check_scheduler

        check_scheduler(options.scheduler)
    store = Store(work.cache)
    if (options.why or options.list) and not options.batch:
        return _tell(options, steps_of(_run(options, work), work), store)
    with _alone(work.cache):
        for path in store.mend():
            print(f"rebuilt, since it was not what it should be: .cache/{path}", file=sys.stderr)
        repaired = store.recover()
        if repaired:
            print(
                f"completed what an earlier run left half-done: {', '.join(repaired)}",
                file=sys.stderr,
            )
        if options.batch:
            # Loaded only for batches.
            from mlsec_survey.runner.batch import run_batch

            return run_batch(options, work, store)
        if options.waves:
            steps = _waves(options, work)
        else:
            steps = wanted(steps_of(_run(options, work), work), options.only)
        if options.notebooks_only:
            steps = [step for step in steps if step.name in pipeline.notebooks]
        force = forced(steps, options.force, options.only)
        outcome = do(steps, store, work, force=force)
        if outcome.made:
            store.prune()
    summarise(outcome, time.monotonic() - started, steps[0].run.folder, root)
    return outcome.exit_status


def _run(options: argparse.Namespace, work: Workspace) -> Run:
    root = work.root
    parameters = dict(parse_setting(text, work.pipeline, root) for text in options.set)
    if parameters and not options.run:
        raise InputError(
            "--set changes results, so it needs a run of its own",
            remedy="add --run NAME; the default run keeps the default parameters",
        )
    if not options.run:
        # Notebooks that read no export show nobody's answers.
        export = work.pipeline.parameters.get("export")
        if export is None or may_be_tracked(resolve_export(root, str(export))):
            return Run(DEFAULT_RUN, root, {}, pdf=not options.no_pdf)
        private = root / PRIVATE_RUN
        return Run(private.name, private, {}, pdf=not options.no_pdf)
    return Run(
        valid_name(options.run), root / "runs" / options.run, parameters, pdf=not options.no_pdf
    )


def _waves(options: argparse.Namespace, work: Workspace) -> list[Step]:
    """Return the steps that compare the waves which a file lists, in a run named after the file."""
    if options.run or options.only:
        raise InputError(
            "--waves is a run of its own, of one notebook", remedy="leave --run and --only out"
        )
    file = work.pipeline.schema.parameters["waves"].check(options.waves, root=work.root)
    parameters = dict(parse_setting(text, work.pipeline, work.root) for text in options.set)
    name = valid_name(Path(file).stem)
    run = Run(name, work.root / "runs" / name, {"waves": file, **parameters}, pdf=False)
    return waves_steps(run, work)


def valid_name(name: str) -> str:
    """Return the name of a run if it can be a folder's.

    Raises:
        InputError: it has other characters than letters, digits, dot, hyphen and underscore.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) or name == DEFAULT_RUN:
        raise InputError(
            f"{name!r} cannot name a run", remedy="use letters, digits, dots, hyphens, underscores"
        )
    return name


def parse_setting(text: str, pipeline: Pipeline, root: Path) -> tuple[str, Any]:
    """Return name and value of `NAME=VALUE`.

    Raises:
        InputError: there is no `=`, no such parameter, or it does not take the value.
    """
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name:
        raise InputError(f"{text!r} is not NAME=VALUE", remedy="write, for example, --set seed=7")
    return name, pipeline.setting(name).read(value, root=root)


def _tell(options: argparse.Namespace, steps: list[Step], store: Store) -> int:
    """Tell what would run and why; reads only, and so needs not wait for another run's end."""
    if options.list:
        for step in wanted(steps, options.only):
            now = state(step, store)
            if now == "current" and would_run_before(step, steps, store):
                now = "waits"
            print(f"{now:8}  {step.label}")
    if options.why:
        wanted(steps, [options.why])
        tell_why(next(step for step in steps if step.name == options.why), steps, store)
    return 0


def summarise(outcome: Outcome, seconds: float, folder: Path, root: Path) -> None:
    """Print what was made, skipped and failed, and where to look."""
    where = folder.relative_to(root).as_posix() if folder != root else ""
    prefix = f"{where}/" if where else ""
    if not (outcome.made or outcome.reused or outcome.failed):
        print(f"nothing to do: all {len(outcome.current)} steps are current ({seconds:.2f} s)")
        print(export_line(folder), end="")
        return
    parts = [f"made {len(outcome.made)}"]
    if outcome.reused:
        parts.append(f"reused {len(outcome.reused)} made earlier")
    parts.append(f"unchanged {len(outcome.current)}")
    if outcome.failed:
        parts.append(f"failed {len(outcome.failed)}")
    print(f"{', '.join(parts)} ({seconds:.1f} s)")
    if outcome.left_out:
        print(f"left out, since they need what failed: {', '.join(outcome.left_out)}")
    places = [f"notebooks: {prefix}notebooks/", f"figures: {prefix}figures/"]
    pages = [label.split("/")[-1] for label in (*outcome.made, *outcome.reused)]
    pages = [label for label in pages if label.endswith(".html")]
    if pages:
        first = "index.html" if (folder / "html" / "index.html").exists() else pages[0]
        places[0] = f"pages: {prefix}html/{first}"
    if any(label.split("/")[-1] == "paper" for label in (*outcome.made, *outcome.reused)):
        places.append(f"paper: {prefix}paper/main.pdf")
    if outcome.exit_status in (0, 3):
        print("   ".join(places))
        print(export_line(folder), end="")
        if folder == root / PRIVATE_RUN:
            print(
                f"private: all of it rests on answers of people and is below {PRIVATE_RUN}/, which "
                "git ignores; `make release` checks what may leave it"
            )
    sys.stdout.flush()
    for label, error in outcome.failed.items():
        print(f"error: {label}: {error}", file=sys.stderr)


def export_line(folder: Path) -> str:
    """Return a line on the export that the results rest on; empty if none was read."""
    for path in sorted((folder / "paper" / "generated" / "records").glob("*.json")):
        try:
            numbers = json.loads(path.read_text(encoding="utf-8"))["numbers"]
            return f"export: {numbers['export_line']['text']}\n"
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ""


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Let one runner at a time work in a project."""
    for path, wanted_there in ((cache, Path.is_dir), (cache / "lock", Path.is_file)):
        if os.path.lexists(path) and not wanted_there(path):
            remove(path)
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                "another run is under way in this folder",
                remedy="wait for it, or end it; then run again",
            ) from None
        yield
