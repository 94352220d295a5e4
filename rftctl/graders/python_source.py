"""What can be said about a python grader without running it.

In: its source. Out: findings on size, syntax, the `grade(sample, item)` function and imports.
Limits and packages: graders guide, image 2025-05-08.
"""

from __future__ import annotations

import ast
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.graders.checks import Checker

MAX_SOURCE_BYTES = 256_000
"""The source must be smaller (graders guide: 256 kB)."""

HOSTED_PACKAGES = {
    "ast_grep_py": ("ast-grep-py", "0.36.2"),
    "deepdiff": ("deepdiff", "8.4.2"),
    "jsonschema": ("jsonschema", "4.23.0"),
    "nltk": ("nltk", "3.9.1"),
    "numpy": ("numpy", "2.2.4"),
    "pandas": ("pandas", "2.2.3"),
    "pydantic": ("pydantic", "2.10.6"),
    "rapidfuzz": ("rapidfuzz", "3.10.1"),
    "rdkit": ("rdkit", "2024.9.6"),
    "rouge_score": ("rouge-score", "0.1.2"),
    "scipy": ("scipy", "1.15.2"),
    "skbio": ("scikit-bio", "0.6.3"),
    "sklearn": ("scikit-learn", "1.6.1"),
    "sqlparse": ("sqlparse", "0.5.3"),
    "sympy": ("sympy", "1.13.3"),
    "yaml": ("pyyaml", "6.0.2"),
}
"""Top-level module -> package and version in the hosted python grader's image (graders guide)."""

HOSTED_MODULES = frozenset((*HOSTED_PACKAGES, "typing_extensions"))
"""Top-level modules of the hosted python grader beside the standard library."""

_UNREACHABLE = frozenset(
    (
        *("socket", "ssl", "http", "ftplib", "smtplib", "urllib3", "requests", "httpx", "aiohttp", "openai"),
        *("subprocess", "multiprocessing"),
    )
)


@dataclass(frozen=True, slots=True)
class Source:
    """Parsed source: its tree, and what each name bound at the top level is bound by."""

    tree: ast.Module
    functions: dict[str, ast.stmt]


def check_source(check: Checker, source: str) -> None:
    """Report what is wrong with a python grader's source."""
    n_bytes = len(source.encode("utf-8", "surrogatepass"))
    if n_bytes >= MAX_SOURCE_BYTES:
        hint = f"keep it under {MAX_SOURCE_BYTES:,} bytes; put tables into the rows"
        check.error("RFT340", ("source",), f"has {n_bytes:,} bytes", hint)
    parsed = parse_source(check, source, "source")
    if parsed is not None:
        _check_grade(check, parsed)
        _check_imports(check, parsed.tree)


def parse_source(check: Checker, source: str, key: str) -> Source | None:
    """Parse source that stands at `key`; reports what does not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in a grader is not our caller's warning
            tree = ast.parse(source, "grader.py")
            compile(source, "grader.py", "exec")  # finds what a tree allows: `return` outside a function
    except SyntaxError as error:
        where = f"line {error.lineno}" + (f":{error.offset}" if error.offset else "")
        line = one_line(error.text or "", limit=80)
        hint = f"the line reads: {line}" if line else "run `python -m py_compile` on it"
        check.error("RFT341", (key,), f"{where}: {one_line(error.msg)}", hint)
    except (ValueError, RecursionError, MemoryError) as error:
        hint = "write it as plain text without null characters, not nested too deep"
        check.error("RFT341", (key,), f"cannot be parsed: {one_line(str(error))}", hint)
    else:
        return Source(tree, {name: node for node in tree.body for name in _names_bound(node)})
    return None


def _check_grade(check: Checker, source: Source) -> None:
    bound = source.functions.get("grade")
    if bound is None:
        hint = "define `def grade(sample, item) -> float:` at the top level"
        nested = any(
            isinstance(node, ast.FunctionDef) and node.name == "grade" for node in ast.walk(source.tree)
        )
        what = "defines 'grade' only inside something else" if nested else "defines no function 'grade'"
        check.error("RFT342", ("source",), what, hint)
    elif isinstance(bound, ast.AsyncFunctionDef):
        check.error("RFT342", ("source",), f"line {bound.lineno}: 'grade' is async", "remove 'async'")
    elif isinstance(bound, ast.FunctionDef) and not _takes_two(bound.args):
        message = f"line {bound.lineno}: 'grade' does not take two arguments"
        check.error("RFT343", ("source",), message, "write `def grade(sample, item)`")


def _names_bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name) for alias in node.names)
    elif isinstance(node, ast.If | ast.Try):
        # `if TYPE_CHECKING` and `try: import` are part of the top level.
        for inner in [*node.body, *node.orelse]:
            yield from _names_bound(inner)


def _takes_two(args: ast.arguments) -> bool:
    n_named = len(args.posonlyargs) + len(args.args)
    needs_keyword = any(default is None for default in args.kw_defaults)
    accepts = n_named == 2 or (args.vararg is not None and n_named <= 2)
    return accepts and not needs_keyword


def _check_imports(check: Checker, tree: ast.Module) -> None:
    seen: set[str] = set()
    for node in ast.walk(tree):
        for name in _imported(node):
            module = name.split(".")[0]
            if module in seen:
                continue
            seen.add(module)
            _check_import(check, module, name, getattr(node, "lineno", 0))


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


def _check_import(check: Checker, module: str, name: str, line: int) -> None:
    if module in _UNREACHABLE or name == "urllib.request":
        hint = "put what it fetches into the rows; for a judge use a score_model grader"
        message = f"line {line}: imports '{name}', but a grader has no network and no other processes"
        check.warning("RFT345", ("source",), message, hint)
    elif module in HOSTED_PACKAGES:
        _check_version(check, module, line)
    elif module not in sys.stdlib_module_names and module not in HOSTED_MODULES:
        hint = "hosted are the standard library and " + ", ".join(sorted(HOSTED_MODULES))
        message = f"line {line}: imports '{module}', which is not in the hosted image"
        check.warning("RFT344", ("source",), message, hint)


def _check_version(check: Checker, module: str, line: int) -> None:
    package, hosted = HOSTED_PACKAGES[module]
    here = _version_here(package)
    if here == hosted:
        return
    what = "is not installed here" if here is None else f"is {here} here and {hosted} in the hosted image"
    hint = f'rewards may differ; `pip install "rftctl[hosted-image]"` installs {package} {hosted}'
    check.warning("RFT346", ("source",), f"line {line}: imports '{module}', which {what}", hint)


def _version_here(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
