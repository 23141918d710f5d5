"""The store: outputs arrive whole, whenever the process dies; stored outputs are checked."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from mlsec_survey.runner.fingerprint import file_digest
from mlsec_survey.runner.store import Store

OLD = {"a.txt": "old a", "figures/b.txt": "old b", "figures/gone.txt": "only in the old"}
NEW = {"a.txt": "new a", "figures/b.txt": "new b", "deep/er/c.txt": "only in the new"}


def write(files: dict[str, str], output: Path) -> None:
    for name, text in files.items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def dying_at(operation: int, work) -> int:
    """Do `work` in a process that kills itself before its n-th operation on files; its status."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    left = operation

    def watch(event: str, arguments: tuple) -> None:
        nonlocal left
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or event in ("os.rename", "os.remove", "os.mkdir", "shutil.copyfile", "os.utime"):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(watch)
        work()
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.slow
def test_a_death_at_any_moment_leaves_the_old_or_the_new_outputs(tmp_path: Path) -> None:
    seen = set()
    for operation in range(1, 200):
        cache, folder = tmp_path / f"cache{operation}", tmp_path / f"run{operation}"
        store = Store(cache)
        store.make("0" * 64, lambda output: write(OLD, output))
        store.install("default", "step", folder, "0" * 64, {"input": "old"})
        assert content(folder) == OLD

        def renew(store: Store = store, folder: Path = folder) -> None:
            store.make("1" * 64, lambda output: write(NEW, output))
            store.install("default", "step", folder, "1" * 64, {"input": "new"})

        status = dying_at(operation, renew)
        between = {name: text for name, text in content(folder).items() if ".part" not in name}
        assert all(text in (OLD.get(name), NEW.get(name)) for name, text in between.items())
        after = Store(cache)
        record = after.record("default", "step")
        assert record is not None
        if after.is_current("default", "step", folder, record.digest):
            assert between in (OLD, NEW, OLD | NEW)
        after.recover()
        record = after.record("default", "step")
        assert record is not None
        assert content(folder) == (OLD if record.inputs == {"input": "old"} else NEW)
        assert after.is_current("default", "step", folder, record.digest)
        assert list(cache.rglob("*.part")) == []
        assert not (cache / "staging").exists() or not any((cache / "staging").iterdir())
        seen.add(record.inputs["input"])
        if status == 0:
            assert record.inputs == {"input": "new"}
            break
    else:
        pytest.fail("it never came to an end")
    assert operation > 15
    assert seen == {"old", "new"}


def test_a_failed_step_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")

    def fail(output: Path) -> None:
        write(NEW, output)
        raise ValueError

    with pytest.raises(ValueError):
        store.make("1" * 64, fail)
    assert not store.holds("1" * 64)
    assert content(tmp_path) == {}


def test_what_was_harmed_in_the_store_or_the_folder_is_noticed(tmp_path: Path) -> None:
    store, folder = Store(tmp_path / "cache"), tmp_path / "run"
    store.make("1" * 64, lambda output: write(NEW, output))
    store.install("default", "step", folder, "1" * 64, {})
    assert store.holds("1" * 64)
    assert store.is_current("default", "step", folder, "1" * 64)
    assert not store.is_current("default", "step", folder, "2" * 64)
    (folder / "a.txt").write_text("by hand")
    assert not store.is_current("default", "step", folder, "1" * 64)
    (store.cache / "store" / ("1" * 32) / "files" / "a.txt").write_text("harmed")
    assert not store.holds("1" * 64)
    (store.cache / "records" / "default" / "step.json").write_text("{")
    assert store.record("default", "step") is None


def test_what_is_no_longer_made_is_removed_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    store, folder = Store(tmp_path / "cache"), tmp_path / "run"
    write({"figures/mine.txt": "by hand"}, folder)
    for name, files in (("0", OLD), ("1", NEW)):
        store.make(name * 64, lambda output, files=files: write(files, output))
        store.install("default", "step", folder, name * 64, {})
    assert content(folder) == NEW | {"figures/mine.txt": "by hand"}


def test_the_oldest_entries_are_dropped_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(4):
        store.make(f"{number}" * 64, lambda output: write({"a": "x" * 100}, output))
        os.utime(tmp_path / "store" / (f"{number}" * 32), (number, number))
    store.prune(keep=3)
    assert [store.holds(f"{n}" * 64) for n in range(4)] == [False, True, True, True]
    store.prune(largest=450)
    assert [store.holds(f"{n}" * 64) for n in range(4)] == [False, False, True, True]


def test_a_folder_is_one_input(tmp_path: Path) -> None:
    write({"a": "1", "b/c": "2"}, tmp_path)
    before = file_digest(tmp_path)
    (tmp_path / ".hidden").write_text("x")
    assert file_digest(tmp_path) == before
    (tmp_path / "b" / "c").rename(tmp_path / "b" / "d")
    assert file_digest(tmp_path) != before
    assert file_digest(tmp_path / "nothing") == "missing"
