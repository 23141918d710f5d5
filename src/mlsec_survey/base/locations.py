"""Where the compendium's folder, its export and its coding are."""

from __future__ import annotations

import os
from pathlib import Path

from mlsec_survey.base.errors import InputError

COLUMNS = "data/columns.yml"
# A dropped-in export is named so, with whatever ending its survey tool gives it.
DROPPED_IN_EXPORT = "data/raw/export"
STANDIN_EXPORT = "data/raw/standin.csv"
# Where results of answers that are not synthetic go, whatever is tracked: git ignores it.
PRIVATE_RUN = "runs/export"
DROPPED_IN_CODING = "data/coding/export"
STANDIN_CODING = "data/coding"
UNCODED = "none"


def find_root(start: Path | None = None) -> Path:
    """Return the project's folder: MLSEC_PROJECT, else the nearest above `start` with a pipeline.

    Raises:
        InputError: no folder above holds notebooks/pipeline.yml.
    """
    given = os.environ.get("MLSEC_PROJECT")
    if given:
        return Path(given)
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "notebooks" / "pipeline.yml").is_file():
            return folder
    raise InputError(
        "not inside the compendium",
        file=here,
        remedy="open the notebook from within the project's folder",
    )


def resolve_export(root: Path, export: str) -> Path:
    """Return the raw export that `export` names; `auto` is a dropped-in export, else the stand-in.

    Raises:
        InputError: the file is not there, or several were dropped in.
    """
    if export == "auto":
        place = root / DROPPED_IN_EXPORT
        found = sorted(
            path
            for path in place.parent.glob(f"{place.name}.*")
            if path.name != f"{place.name}.manifest.yml"
        )
        if len(found) > 1:
            raise InputError(
                f"{len(found)} exports were dropped in",
                file=place.parent,
                value=", ".join(path.name for path in found),
                remedy="Keep one there, or name one by the parameter `export`.",
            )
        return _regular(found[0], root) if found else root / STANDIN_EXPORT
    path = root / export
    if not os.path.lexists(path):
        raise InputError("no such export", file=export, remedy="check the parameter `export`")
    return _regular(path, root)


def _regular(path: Path, root: Path) -> Path:
    """Return the path of an export if it is a file, or a link to one.

    Anything else must not be passed over, since results of other answers would be taken for its.
    """
    if path.is_file():
        return path
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    if path.is_symlink() and not path.exists():
        raise InputError(
            "the export is a link to a file that is not there",
            file=shown,
            remedy="mount the volume or mend the link; to go without this export, remove the link",
        )
    raise InputError(
        "the export is a folder, a pipe or a device, not a file",
        file=shown,
        remedy="write the answers to a file first, and put that here",
    )


def resolve_coding(root: Path, coding: str, export: Path) -> Path | None:
    """Return the folder of the coders' sheets; None where `coding` declares that there are none.

    `auto` is the folder that belongs to the export, whether it is there yet or not.

    Raises:
        InputError: a folder is named and not there.
    """
    if coding == UNCODED:
        return None
    if coding == "auto":
        return root / (STANDIN_CODING if export == root / STANDIN_EXPORT else DROPPED_IN_CODING)
    if not (root / coding).is_dir():
        raise InputError(
            "no such folder of coders' sheets",
            file=coding,
            remedy=f"check the parameter `coding`; {UNCODED} says that nothing is coded",
        )
    return root / coding
