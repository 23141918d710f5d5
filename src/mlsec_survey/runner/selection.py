"""Which steps are meant, which are current, and why one would run."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from mlsec_survey.base.errors import CompendiumError, InputError
from mlsec_survey.runner.fingerprint import combined, file_digest
from mlsec_survey.runner.steps import Step
from mlsec_survey.runner.store import Store


def wanted(steps: list[Step], names: Sequence[str] | None) -> list[Step]:
    """Return the named steps with all that they need; pages follow their notebooks."""
    if not names:
        return steps
    by_name = {step.name: step for step in steps}
    for name in names:
        if name not in by_name:
            raise InputError(
                f"no step is called {name!r}", value=name, remedy="one of " + ", ".join(by_name)
            )
    pages = [f"{name}.html" for name in names if f"{name}.html" in by_name]
    chosen = {*names, *pages}
    for name in (*names, *pages):
        chosen |= _needed(by_name[name], steps)
    return [step for step in steps if step.name in chosen]


def forced(steps: list[Step], force: bool, only: Sequence[str] | None) -> frozenset[str]:
    """Return the labels of the steps that `--force` means: the named ones with pages, or all."""
    return frozenset(
        step.label
        for step in steps
        if force and (not only or step.name.removesuffix(".html") in only)
    )


def _needed(step: Step, steps: list[Step]) -> set[str]:
    """Return the names of all steps that come before one, directly or not."""
    by_name = {other.name: other for other in steps}
    found: set[str] = set()
    waiting = list(step.after)
    while waiting:
        name = waiting.pop()
        if name not in found and name in by_name:
            found.add(name)
            waiting += by_name[name].after
    return found


def state(step: Step, store: Store) -> str:
    """Return `current`, or `to do`, also for a step whose inputs are not all there yet."""
    try:
        sha = combined(step.inputs())
    except (OSError, ValueError, CompendiumError):
        return "to do"
    current = store.is_current(step.run.name, step.name, step.run.folder, sha)
    return "current" if current else "to do"


def would_run_before(step: Step, steps: list[Step], store: Store) -> list[str]:
    """Return the steps that would be done before this one, and may change what it reads."""
    needed = _needed(step, steps)
    return [
        other.label for other in steps if other.name in needed and state(other, store) == "to do"
    ]


def tell_why(step: Step, steps: list[Step], store: Store) -> None:
    """Print what would make a step run."""
    record = store.record(step.run.name, step.name)
    before = would_run_before(step, steps, store)
    if before:
        print(f"would run first, and may change what {step.label} reads: {', '.join(before)}")
    if record is None:
        print(f"{step.label} would run: there is no record that it ever did here")
        return
    try:
        inputs = step.inputs()
    except (OSError, ValueError) as error:
        print(f"{step.label} would run: something that it reads is not there yet ({error})")
        return
    lines = [
        f"changed   {k}"
        for k in sorted(inputs)
        if k in record.inputs and inputs[k] != record.inputs[k]
    ]
    lines += [f"new       {key}" for key in sorted(set(inputs) - set(record.inputs))]
    lines += [f"gone      {key}" for key in sorted(set(record.inputs) - set(inputs))]
    lines += [
        f"output    {path} is not what the last run wrote"
        for path, sha in record.outputs.items()
        if file_digest(step.run.folder / path) != sha
    ]
    if lines:
        print(f"{step.label} would run, because of what it was last made from:")
        print(textwrap.indent("\n".join(lines), "  "))
    else:
        print(f"{step.label} is current: none of its {len(inputs)} inputs changed")
