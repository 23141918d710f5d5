"""Files that a script makes and git keeps: written whole, or compared with what is there."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlsec_survey.base.errors import InputError


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a file to write to, which takes the place of `path` when the block ends without error.

    Readers see the old content or the new, never a part, and two who write at a time do not meet.

    Raises:
        InputError: the folder cannot be written to, or the disk is full.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise input_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part.

    Raises:
        InputError: as for `whole`.
    """
    with whole(path) as part:
        part.write_bytes(content)


def input_error(error: OSError, path: Path | None = None) -> InputError:
    """Return in words what the operating system said of a file.

    Args:
        error: what it said.
        path: the file, if it is not the one that the error names.
    """
    problem = f"cannot be used ({error.strerror or error})"
    return InputError(problem, file=path or error.filename, remedy=_remedy(error))


def remove(path: Path) -> None:
    """Remove whatever is there under a name: a file, a link, or a folder with all in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remedy(error: OSError) -> str:
    """Return what to do about a file that cannot be used."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room on the disk, then run again; what was finished is kept"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "make the folder writable for this user, or copy the project to a place that is"
    return "look at the folder, then run again"


def keep_or_compare(files: Mapping[str, bytes], folder: Path, *, check: bool, source: str) -> int:
    """Write files below a folder, or say which of them are not there as they should be.

    Args:
        files: content by path below `folder`.
        folder: made when it is not there.
        check: compare and write nothing.
        source: what gives the files, for the message.

    Returns:
        Exit status: 1 if a compared file differs or is missing, else 0.
    """
    different = []
    for name, content in files.items():
        path = folder / name
        if check:
            if not path.is_file() or path.read_bytes() != content:
                different.append(path)
            continue
        write_whole(path, content)
        print(f"{path}: {len(content):,} bytes")
    for path in different:
        print(f"{path}: not what {source}", file=sys.stderr)
    return 1 if different else 0
