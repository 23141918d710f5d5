"""What goes into the archive, and the zip file itself, the same to the byte from the same files."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

from mlsec_survey.base.errors import InputError

CHECKSUMS = "manifest-sha256.txt"
# Fixed, since zip files carry times: the earliest that the format knows.
_MOMENT = (1980, 1, 1, 0, 0, 0)
# Made by a run, read by people, kept out of git.
_PAGES = "html"


def project_files(root: Path) -> list[Path]:
    """Return what the archive holds of the project, relative to it, sorted.

    In a checkout, the files that git tracks and the pages; in an unpacked archive, the files that
    its checksums list. Private answers are in neither.

    Raises:
        InputError: the folder is neither.
    """
    checksums = root / CHECKSUMS
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
        ).stdout.split("\0")
        names = [name for name in listed if name and (root / name).is_file()]
        names += [
            path.relative_to(root).as_posix()
            for path in (root / _PAGES).rglob("*")
            if path.is_file()
        ]
    elif checksums.is_file():
        names = list(read_checksums(checksums))
    else:
        raise InputError(
            "neither a checkout nor an unpacked archive",
            file=root,
            remedy="run this in the project's folder",
        )
    return sorted({Path(name) for name in names})


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def checksums(files: Mapping[str, bytes]) -> bytes:
    """Return the text of `manifest-sha256.txt`, as `sha256sum --check` reads it."""
    lines = (f"{digest(content)}  {name}\n" for name, content in sorted(files.items()))
    return "".join(lines).encode()


def read_checksums(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that `manifest-sha256.txt` lists.

    Raises:
        InputError: a line is no checksum, or names a file outside of the archive.
    """
    found = {}
    for row, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        value, _, name = line.partition("  ")
        inside = Path(name)
        if len(value) != 64 or not name or inside.is_absolute() or ".." in inside.parts:
            raise InputError(
                "no line of checksums",
                file=path,
                row=row,
                value=line,
                remedy="unpack the archive again",
            )
        found[name] = value
    return found


def write_zip(files: Mapping[str, bytes], executable: set[str], target: Path, top: str) -> None:
    """Write files into one zip, whole or not at all; the same files give the same bytes.

    Args:
        files: content by name below `top`.
        executable: names of files that may be run.
        target: the zip file.
        top: the folder that the archive unpacks to.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{top}/{name}", _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100755 if name in executable else 0o100644) << 16
            archive.writestr(entry, content, compresslevel=9)
    part.replace(target)
