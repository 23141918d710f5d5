"""Where results are kept and how they reach a run's folder: whole or not at all.

A step's outputs are first collected in a staging folder. When all are there, one rename moves the
folder into the store under the digest of everything that it was made from. From the store they are
installed into the run's folder file by file, each by an atomic replace, under a journal entry that
the next start completes if this one dies. A record, written last, says what a step was made from
and what it gave.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from mlsec_survey.base.files import remove, write_whole
from mlsec_survey.runner.fingerprint import file_digest

_LISTING = "outputs.json"


@dataclass(frozen=True)
class Record:
    """What a step was last made from, and what it gave.

    Attributes:
        digest: of all inputs together.
        inputs: digest of each input by name.
        outputs: digest of each output by its path below the run's folder.
    """

    digest: str
    inputs: dict[str, str]
    outputs: dict[str, str]


class Store:
    """The store below a cache folder; safe for threads of one process."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self._making: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def record(self, run: str, step: str) -> Record | None:
        """Return the record of a step of a run, or None if there is none that can be read."""
        try:
            return Record(**json.loads(self._record_path(run, step).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def is_current(self, run: str, step: str, folder: Path, digest: str) -> bool:
        """Return whether the step's outputs in `folder` are those that `digest` gives."""
        record = self.record(run, step)
        return (
            record is not None
            and record.digest == digest
            and all(file_digest(folder / path) == sha for path, sha in record.outputs.items())
        )

    def holds(self, digest: str) -> bool:
        """Return whether the store has whole and unharmed outputs for `digest`."""
        outputs = self._listing(digest)
        return outputs is not None and all(
            file_digest(self.files(digest) / path) == sha for path, sha in outputs.items()
        )

    def files(self, digest: str) -> Path:
        """Return the folder with the outputs that the store has for `digest`."""
        return self._entry(digest) / "files"

    @contextmanager
    def making(self, digest: str) -> Iterator[None]:
        """Keep other threads from making the same outputs at the same time."""
        with self._guard:
            lock = self._making.setdefault(digest, threading.Lock())
        with lock:
            yield

    def make(self, digest: str, make: Callable[[Path], None]) -> None:
        """Call `make` with an empty staging folder and keep what it wrote under `digest`."""
        staging = self.cache / "staging" / uuid.uuid4().hex[:12]
        files = staging / "files"
        files.mkdir(parents=True)
        try:
            make(files)
            outputs = {
                path.relative_to(files).as_posix(): file_digest(path)
                for path in sorted(files.rglob("*"))
                if path.is_file()
            }
            (staging / _LISTING).write_text(json.dumps(outputs, indent=1), encoding="utf-8")
            entry = self._entry(digest)
            entry.parent.mkdir(parents=True, exist_ok=True)
            if entry.exists():
                shutil.rmtree(entry)
            staging.rename(entry)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def install(
        self, run: str, step: str, folder: Path, digest: str, inputs: dict[str, str]
    ) -> Record:
        """Bring the outputs of `digest` into `folder` and write the record."""
        outputs = self._listing(digest)
        if outputs is None:
            raise FileNotFoundError(f"the store has no outputs {digest}")
        os.utime(self._entry(digest))
        previous = self.record(run, step)
        obsolete = sorted(set(previous.outputs) - set(outputs)) if previous else []
        record = Record(digest, inputs, outputs)
        journal = self.cache / "journal" / f"{run}~{step}.json"
        entry = {"run": run, "step": step, "folder": str(folder), "obsolete": obsolete}
        write_whole(journal, json.dumps(entry | asdict(record)).encode())
        self._replace(folder, record, obsolete)
        write_whole(self._record_path(run, step), json.dumps(asdict(record), indent=1).encode())
        journal.unlink()
        return record

    def mend(self) -> list[str]:
        """Remove what is a file where a folder should be, or the other way round.

        Returns:
            What was removed, by its path below the cache's folder; it is made again when needed.
        """
        folders = ["store", "records", "journal", "staging", "failed", "ipython"]
        wrong = [path for path in map(self.cache.joinpath, folders) if _is_no_folder(path)]
        for place in ("store", "records"):
            wrong += filter(_is_no_folder, sorted((self.cache / place).glob("*")))
        files = [self.cache / "imports.json", *(self.cache / "journal").glob("*.json")]
        wrong += [path for path in (*files, *self.cache.glob("records/*/*")) if path.is_dir()]
        for path in wrong:
            remove(path)
        return [path.relative_to(self.cache).as_posix() for path in wrong]

    def recover(self) -> list[str]:
        """Complete what an earlier process left half-installed; return the steps concerned.

        A journal entry whose outputs are no longer in the store is dropped together with the
        step's record, so that the step is made again.
        """
        shutil.rmtree(self.cache / "staging", ignore_errors=True)
        for part in (*self.cache.glob(".*.part"), *self.cache.glob("[jr]*/**/.*.part")):
            part.unlink(missing_ok=True)
        done = []
        for journal in sorted((self.cache / "journal").glob("*.json")):
            try:
                entry = json.loads(journal.read_text(encoding="utf-8"))
            except ValueError:
                journal.unlink()
                continue
            record = Record(entry["digest"], entry["inputs"], entry["outputs"])
            path = self._record_path(entry["run"], entry["step"])
            if self.holds(record.digest):
                self._replace(Path(entry["folder"]), record, entry["obsolete"])
                write_whole(path, json.dumps(asdict(record), indent=1).encode())
            else:
                path.unlink(missing_ok=True)
                for output in record.outputs:
                    _part_of(Path(entry["folder"]) / output).unlink(missing_ok=True)
            journal.unlink()
            done.append(entry["step"])
        return done

    def prune(self, largest: int = 1_500_000_000, keep: int = 2_000) -> None:
        """Drop the entries that were used longest ago until the store is within its bounds."""
        entries = sorted(
            (path for path in (self.cache / "store").glob("*") if path.is_dir()),
            key=lambda path: path.stat().st_mtime,
            reverse=True,
        )
        total = 0
        for position, entry in enumerate(entries):
            total += sum(path.stat().st_size for path in entry.rglob("*") if path.is_file())
            if position >= keep or total > largest:
                shutil.rmtree(entry, ignore_errors=True)

    def _replace(self, folder: Path, record: Record, obsolete: list[str]) -> None:
        files = self.files(record.digest)
        parts: list[tuple[Path, Path]] = []
        for path, sha in record.outputs.items():
            target = folder / path
            if file_digest(target) != sha:
                target.parent.mkdir(parents=True, exist_ok=True)
                part = _part_of(target)
                shutil.copyfile(files / path, part)
                parts.append((part, target))
        # All are at hand now; to put them into place takes no time worth mentioning.
        for part, target in parts:
            part.replace(target)
        for path in obsolete:
            (folder / path).unlink(missing_ok=True)

    def _listing(self, digest: str) -> dict[str, str] | None:
        try:
            listing = (self._entry(digest) / _LISTING).read_text(encoding="utf-8")
            return dict(json.loads(listing))
        except (OSError, ValueError):
            return None

    def _entry(self, digest: str) -> Path:
        return self.cache / "store" / digest[:32]

    def _record_path(self, run: str, step: str) -> Path:
        return self.cache / "records" / run / f"{step}.json"


def _is_no_folder(path: Path) -> bool:
    return os.path.lexists(path) and not path.is_dir()


def _part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")
