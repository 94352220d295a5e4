"""What happens inside one child: compile the grader, call it, send a number or a reason.

In: the grader and one call, as bytes. Out: one reply on a pipe (see `frames`). Runs untrusted code.
The compiler is part of what untrusted text can attack, so it too runs here and never in the worker.
"""

from __future__ import annotations

import ast
import gc
import inspect
import json
import marshal
import math
import numbers
import sys
import types
from typing import TYPE_CHECKING, Any

from rftctl.sandbox.frames import COMPILED, MAX_PROGRAM, OUT_OF_MEMORY, pack_answer

if TYPE_CHECKING:
    from collections.abc import Callable

MODULE_NAME = "grader"
FILE_NAME = "<grader>"
_MAX_TEXT = 300


def answer_call(program: bytes, call: bytes) -> bytes:
    """Run `grade(sample, item)` on a JSON pair and turn whatever happens into a reply."""
    return _guarded(lambda: _number(_graded(program, call)))


def answer_scan(source: bytes, _: bytes) -> bytes:
    """Compile the source, or reply with the line that does not.

    Replies `bad_value` with the modules it imports and, after a zero byte, the compiled program: bytes that
    only children will ever read.
    """
    return _guarded(lambda: _scan(source))


def answer_check(program: bytes, _: bytes) -> bytes:
    """Run the module body and look `grade` up.

    Replies `bad_value` with the modules that were loaded on the way, `runtime_error` with the reason when
    there is no usable `grade`, and 0.0 when the body failed otherwise: a call will say how.
    """
    return _guarded(lambda: _check(program))


def _guarded(work: Callable[[], bytes]) -> bytes:
    try:
        return work()
    except MemoryError:
        return OUT_OF_MEMORY
    except BaseException as error:  # noqa: BLE001 - the grader may raise anything, SystemExit included
        return _complaint(error)


def _scan(source: bytes) -> bytes:
    tree = ast.parse(source, FILE_NAME)
    program = marshal.dumps(compile(tree, FILE_NAME, "exec", dont_inherit=True))
    return _preparation(_imports(tree), program)


def _check(program: bytes) -> bytes:
    known = set(sys.modules)
    try:
        _find_grade(_load(program))
    except UnusableGraderError:
        raise
    except Exception:  # noqa: BLE001 - whatever the module body raises, every call will raise and report
        return pack_answer(b"o", 0.0)
    return _preparation([name for name in list(sys.modules) if name not in known and name != MODULE_NAME])


def _preparation(names: list[str], program: bytes = b"") -> bytes:
    listed = " ".join(name for name in names if name.isascii()).encode()
    if len(listed) + len(program) > MAX_PROGRAM:
        program = b""
    return pack_answer(b"v", 0.0, listed + COMPILED + program, limit=MAX_PROGRAM + 1)


def _graded(program: bytes, call: bytes) -> object:
    sample, item = json.loads(call)
    grade = _find_grade(_load(program))
    return grade(sample, item)


def _load(program: bytes) -> types.ModuleType:
    # Dataclasses and pydantic look their module up by name.
    module = types.ModuleType(MODULE_NAME)
    sys.modules[MODULE_NAME] = module
    exec(_code(program), module.__dict__)  # noqa: S102 - the purpose of this process
    return module


def _code(program: bytes) -> types.CodeType:
    if program.startswith(COMPILED):
        code: types.CodeType = marshal.loads(program[1:])  # noqa: S302 - made by a process like this one
        return code
    return compile(program, FILE_NAME, "exec", dont_inherit=True)


def _find_grade(module: types.ModuleType) -> Callable[[Any, Any], object]:
    grade = getattr(module, "grade", None)
    if not callable(grade):
        raise UnusableGraderError("the source defines no function grade(sample, item)")
    try:
        inspect.signature(grade).bind(None, None)
    except TypeError:
        raise UnusableGraderError("grade must take exactly two arguments: grade(sample, item)") from None
    except ValueError:
        pass  # builtins have no signature
    return grade  # type: ignore[no-any-return]


class UnusableGraderError(Exception):
    """The source compiles, but has no `grade` that can be called."""


def _number(result: object) -> bytes:
    # numpy's and others' scalars register as Real; bool does too, and is no reward.
    if isinstance(result, bool) or not isinstance(result, numbers.Real):
        text = f"grade returned {type(result).__name__} {_brief(result)}, which is not a number"
        return pack_answer(b"v", 0.0, text.encode("utf-8", "replace"))
    try:
        value = float(result)
    except OverflowError:
        return pack_answer(b"v", 0.0, b"grade returned a number too large to be a reward")
    if not math.isfinite(value):
        return pack_answer(b"v", 0.0, f"grade returned {value}, which is not a finite number".encode())
    return pack_answer(b"o", value)


def _brief(value: object) -> str:
    try:
        return repr(value)[:80]
    except BaseException:  # noqa: BLE001 - a hostile __repr__
        return ""


def _complaint(error: BaseException) -> bytes:
    if isinstance(error, UnusableGraderError):
        text = str(error)
    else:
        text = f"{type(error).__name__}{_message(error)}{_place(error)}"
        if isinstance(error, PermissionError):
            text += " (graders have no network, no other files and no processes)"
    return pack_answer(b"e", 0.0, text.encode("utf-8", "replace"))


def _message(error: BaseException) -> str:
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        return f": {text[:_MAX_TEXT]}" if text else ""
    except BaseException:  # noqa: BLE001 - a hostile __str__
        return ""


def _place(error: BaseException) -> str:
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == FILE_NAME else None
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == FILE_NAME:
            line = frame.tb_lineno
        frame = frame.tb_next
    return "" if line is None else f" at line {line} of the grader"


def _imports(tree: ast.Module) -> list[str]:
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names[node.module] = None
    return list(names)


def freeze_memory() -> None:
    """Keep the collector from touching what children share with the worker."""
    gc.collect()
    gc.freeze()
