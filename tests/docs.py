"""The generated parts of the README: made from the code, so that they cannot lie.

In: README.md with `<!-- NAME -->` ... `<!-- /NAME -->` marks. Out: the same with fresh tables.
`python -m tests.docs` writes them, `--check` fails when they are stale.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from rftctl.errors import ExitCode
from rftctl.spec import spec_schema

README = Path(__file__).parent.parent / "README.md"

EXIT_MEANINGS = {
    ExitCode.OK: "done, or nothing left to do",
    ExitCode.NO: "it ran, and the answer is no: a case missed, a gate not met, the job failed",
    ExitCode.USAGE: "wrong usage",
    ExitCode.INVALID: "invalid: an error in spec, data, grader or provider fit",
    ExitCode.UNGRADABLE: "no sample could be graded (some failed: 1)",
    ExitCode.PROVIDER: "the provider refused or was not reached",
    ExitCode.NOT_OFFERED: "this provider, model or installation does not offer that",
    ExitCode.BUDGET: "the budget, or missing consent to spend, says no",
    ExitCode.BUSY: "busy: another process holds this run",
    ExitCode.UNKNOWN_OUTCOME: "outcome unknown: resolve before repeating",
    ExitCode.TIMED_OUT: "the wait timed out",
    ExitCode.STORAGE: "local storage failed",
    ExitCode.BUG: "a bug in rftctl",
    ExitCode.INTERRUPTED: "interrupted",
}


def spec_table() -> str:
    """Make the table of every key of a run spec."""
    schema = spec_schema()
    lines = ["| key | default | meaning |", "| --- | --- | --- |"]
    lines += _rows(schema, schema, "")
    return "\n".join(lines)


def exit_table() -> str:
    """Make the table of exit codes."""
    rows = [f"| {int(code)} | {EXIT_MEANINGS[code]} |" for code in ExitCode]
    return "\n".join(["| exit | means |", "| --- | --- |", *rows])


def refreshed(text: str) -> str:
    """Return the README with its generated parts made anew."""
    for name, table in (("spec", spec_table()), ("exit codes", exit_table())):
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda m, table=table: f"{m.group(1)}{table}\n{m.group(2)}", text)
        if count != 1:
            raise SystemExit(f"README.md: the marks of '{name}' are missing")
    return text


def _rows(schema: dict[str, Any], node: dict[str, Any], prefix: str) -> list[str]:
    rows = []
    for key, part in node.get("properties", {}).items():
        inner = _resolve(schema, part)
        if inner.get("properties"):
            rows += _rows(schema, inner, f"{prefix}{key}.")
            continue
        default = "required" if key in node.get("required", ()) else _default(part)
        rows.append(f"| `{prefix}{key}` | {default} | {part.get('description', '')} |")
    return rows


def _resolve(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref") or next((x["$ref"] for x in part.get("allOf", ()) if "$ref" in x), None)
    return schema["$defs"][reference.rsplit("/", 1)[-1]] if reference else part


def _default(part: dict[str, Any]) -> str:
    value = part.get("default")
    return "" if value in (None, [], {}) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def main() -> None:
    """Write the README's generated parts, or check them."""
    old = README.read_text()
    new = refreshed(old)
    if "--check" in sys.argv and new != old:
        raise SystemExit("README.md is stale: run `make docs`")
    README.write_text(new)


if __name__ == "__main__":
    main()
