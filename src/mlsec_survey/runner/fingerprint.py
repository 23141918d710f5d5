"""What a step depends on, by content: files, folders, and the modules that code imports."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

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


class Modules:
    """The project's modules and what they import, read from their source.

    `from package import name` counts as an import of the module that the package takes `name`
    from, so that a notebook that draws one figure does not depend on the code of all others.
    """

    def __init__(self, package_folder: Path) -> None:
        self._folder = package_folder
        self._imports: dict[str, frozenset[str]] = {}
        self._sources: dict[str, bytes] = {}

    def used_by(self, source: str) -> dict[str, str]:
        """Return the digest of each module that Python code imports, directly or not, by name."""
        found: dict[str, str] = {}
        waiting = sorted(self._imported(ast.parse(source), None))
        while waiting:
            module = waiting.pop()
            if module not in found:
                found[module] = digest(self._source(module))
                waiting += self._imports_of(module)
        return dict(sorted(found.items()))

    def _imports_of(self, module: str) -> frozenset[str]:
        if module not in self._imports:
            # A package's own imports count only for the names taken from it.
            tree = ast.parse("" if self._is_package(module) else self._source(module))
            self._imports[module] = frozenset(self._imported(tree, module))
        return self._imports[module]

    def _imported(self, tree: ast.AST, module: str | None) -> Iterator[str]:
        for node in _runtime_nodes(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if self._path(alias.name):
                        yield alias.name
            elif isinstance(node, ast.ImportFrom):
                origin = self._absolute(node, module)
                if origin and self._path(origin):
                    for alias in node.names:
                        yield from self._origin(origin, alias.name)

    def _origin(self, package: str, name: str) -> Iterable[str]:
        if self._path(f"{package}.{name}"):
            return (f"{package}.{name}",)
        if self._is_package(package):
            for node in ast.parse(self._source(package)).body:
                if isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        if (alias.asname or alias.name) == name:
                            origin = self._absolute(node, f"{package}.__init__")
                            return self._origin(origin, alias.name) if origin else ()
        return (package,)

    def _absolute(self, node: ast.ImportFrom, module: str | None) -> str | None:
        if not node.level:
            return node.module
        if module is None:
            return None
        parts = module.split(".")
        if self._is_package(module):
            parts.append("__init__")
        base = parts[: -node.level]
        return ".".join([*base, node.module] if node.module else base)

    def _path(self, module: str) -> Path | None:
        parts = module.split(".")
        if parts[0] != PACKAGE:
            return None
        base = self._folder.joinpath(*parts[1:])
        for path in (base / "__init__.py", base.with_suffix(".py")):
            if path.is_file():
                return path
        return None

    def _is_package(self, module: str) -> bool:
        path = self._path(module)
        return path is not None and path.name == "__init__.py"

    def _source(self, module: str) -> bytes:
        if module not in self._sources:
            path = self._path(module)
            self._sources[module] = path.read_bytes() if path else b""
        return self._sources[module]


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from _runtime_nodes(node)


def code_of(text_notebook: str) -> str:
    """Return the code of a notebook in percent format; its prose is comments already."""
    return "\n".join(
        "" if line.lstrip().startswith(("%", "!")) else line for line in text_notebook.splitlines()
    )
