"""Files that a script makes and git keeps: written whole, or compared with what is there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


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
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_bytes(content)
        part.replace(path)
        print(f"{path}: {len(content):,} bytes")
    for path in different:
        print(f"{path}: not what {source}", file=sys.stderr)
    return 1 if different else 0
