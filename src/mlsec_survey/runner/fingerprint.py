"""What a step depends on, by content: files, folders, and the modules that code imports."""

from __future__ import annotations

import ast
import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.base.syntax import parsed

PACKAGE = "mlsec_survey"
MISSING = "missing"


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, of a folder's files with their names, or `missing`."""
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        listing = "".join(f"{p.relative_to(path)}\0{file_digest(p)}\n" for p in files)
        return digest(listing.encode())
    try:
        return digest(path.read_bytes())
    except FileNotFoundError:
        return MISSING


def combined(inputs: Mapping[str, str]) -> str:
    """Return one digest of named digests."""
    return digest(json.dumps(inputs, sort_keys=True).encode())


@dataclass(frozen=True)
class Scan:
    """What one source file imports.

    Attributes:
        imports: module and the name taken from it; None, or `*`, stands for the whole module.
        exports: for a package, where each of its names comes from: module and name there.
        has_own_code: whether the file holds more than imports, docstrings and `__all__`.
    """

    imports: list[tuple[str, str | None]]
    exports: dict[str, tuple[str, str]]
    has_own_code: bool


class Modules:
    """The project's modules and what they import, read from their source.

    `from package import name` counts as an import of the module that the package takes `name`
    from, so that a notebook that draws one figure does not depend on the code of all others.
    """

    def __init__(self, package_folder: Path, cache: Path | None = None) -> None:
        """Read modules below a folder.

        Args:
            package_folder: folder of the package.
            cache: file that keeps what parsing found, by content.
        """
        self._folder = package_folder
        self._cache = cache
        self._scans: dict[str, Scan] = {}
        self._sources: dict[str, bytes] = {}
        self._paths: dict[str, Path | None] = {}
        self._needs: dict[str, list[str]] = {}
        self._kept = _read_scans(cache)
        self._used: set[str] = set()
        self._added = False

    def used_by(self, source: str) -> dict[str, str]:
        """Return the digest of each module that Python code imports, directly or not, by name.

        Raises:
            AnalysisError: a module is no longer what it was when it was first read; processes of
                this run have one state or the other.
        """
        found: dict[str, str] = {}
        waiting = self._resolved(self._scan_text(source.encode(), "", False))
        while waiting:
            module = waiting.pop()
            if module not in found:
                if self._source(module) != self._read(module):
                    raise AnalysisError(
                        f"module {module} was changed while this run was under way\n"
                        "  What to do: run again"
                    )
                found[module] = digest(self._source(module))
                if module not in self._needs:
                    self._needs[module] = self._resolved(self._scan(module))
                waiting += self._needs[module]
        self._keep()
        return dict(sorted(found.items()))

    def _resolved(self, scan: Scan) -> list[str]:
        return [module for origin, name in scan.imports for module in self._origin(origin, name)]

    def _origin(self, origin: str, name: str | None) -> list[str]:
        """Return the modules whose code is meant by `from origin import name`."""
        if self._path(origin) is None:
            return []
        # Importing a module runs the packages that it is in; most hold nothing but re-exports.
        parts = origin.split(".")
        outer = [".".join(parts[:end]) for end in range(1, len(parts))]
        found = [package for package in outer if self._scan(package).has_own_code]
        if name and name != "*":
            if self._path(f"{origin}.{name}") is not None:
                return [*found, f"{origin}.{name}"]
            scan = self._scan(origin)
            if name in scan.exports and not scan.has_own_code:
                return [*found, *self._origin(*scan.exports[name])]
        return [*found, origin]

    def _scan(self, module: str) -> Scan:
        if module not in self._scans:
            source = self._source(module)
            self._scans[module] = self._scan_text(source, module, self._is_package(module))
        return self._scans[module]

    def _scan_text(self, source: bytes, module: str, package: bool) -> Scan:
        key = digest(b"\0".join([_OWN_SOURCE, module.encode(), source]))
        if key not in self._kept:
            try:
                self._kept[key] = _scan_of(parsed(source), module, package)
            except SyntaxError:
                # The notebook that runs this code will say what is wrong and where.
                self._kept[key] = Scan([], {}, True)
            self._added = True
        self._used.add(key)
        return self._kept[key]

    def _keep(self) -> None:
        if self._cache is not None and self._added:
            self._added = False
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            part = self._cache.with_name(f".{self._cache.name}.{threading.get_ident()}.part")
            content = {key: astuple(self._kept[key]) for key in sorted(self._used)}
            part.write_text(json.dumps(content), encoding="utf-8")
            part.replace(self._cache)

    def _path(self, module: str) -> Path | None:
        if module not in self._paths:
            package, *parts = module.split(".")
            base = self._folder.joinpath(*parts)
            files = (base / "__init__.py", base.with_suffix(".py")) if package == PACKAGE else ()
            self._paths[module] = next((path for path in files if path.is_file()), None)
        return self._paths[module]

    def _is_package(self, module: str) -> bool:
        path = self._path(module)
        return path is not None and path.name == "__init__.py"

    def _source(self, module: str) -> bytes:
        if module not in self._sources:
            self._sources[module] = self._read(module)
        return self._sources[module]

    def _read(self, module: str) -> bytes:
        path = self._path(module)
        try:
            return path.read_bytes() if path else b""
        except FileNotFoundError:
            return b""


_OWN_SOURCE = digest(Path(__file__).read_bytes()).encode()


def _read_scans(cache: Path | None) -> dict[str, Scan]:
    try:
        content = json.loads(cache.read_text(encoding="utf-8")) if cache else {}
        return {key: Scan(*fields) for key, fields in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _scan_of(tree: ast.Module, module: str, package: bool) -> Scan:
    imports: list[tuple[str, str | None]] = []
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            imports += [(alias.name, None) for alias in node.names if _is_ours(alias.name)]
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, module, package)
            if origin and _is_ours(origin):
                imports += [(origin, alias.name) for alias in node.names]
    exports = {}
    if package:
        for statement in tree.body:
            if isinstance(statement, ast.ImportFrom):
                origin = _absolute(statement, module, package)
                for alias in statement.names:
                    if origin:
                        exports[alias.asname or alias.name] = (origin, alias.name)
    return Scan(imports, exports, not all(map(_is_plain, tree.body)))


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def _is_plain(node: ast.stmt) -> bool:
    """Return whether a statement is an import, a docstring or a list of names to export."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "__all__"
    )


def _absolute(node: ast.ImportFrom, module: str, package: bool) -> str | None:
    if not node.level:
        return node.module
    parts = [*module.split("."), "__init__"] if package else module.split(".")
    base = parts[: -node.level]
    return ".".join([*base, node.module] if node.module else base)


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield all statements, in functions and branches too, but not what type checkers alone see."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        for part in ("body", "handlers", "orelse", "finalbody", "cases"):
            yield from _statements(getattr(node, part, ()))


def code_of(text_notebook: str) -> str:
    """Return the code of a notebook in percent format; its prose is comments already."""
    return "\n".join(
        "" if line.lstrip().startswith(("%", "!")) else line for line in text_notebook.splitlines()
    )


def computed_part(text_notebook: str) -> str:
    """Return a notebook in percent format without its prose: what its results can depend on."""
    kept: list[str] = []
    prose = False
    for line in text_notebook.splitlines():
        if line.startswith("# %%"):
            prose = "[markdown]" in line
        if not prose and line.strip():
            kept.append(line.rstrip())
    return "\n".join(kept)


def imported_modules(code: str) -> set[str]:
    """Return the modules that Python code imports, and the names that it takes from them."""
    try:
        tree = parsed(code)
    except SyntaxError:
        # The notebook says so itself when it runs.
        return set()
    names: set[str] = set()
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names
