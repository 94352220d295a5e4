"""What the service takes: request bodies, checked strictly.

In: a parsed JSON body. Out: the same body, known to be right, or a RefusalError that names the field.
Unknown keys are refused, since a misspelt optional key would otherwise pass unseen.
Ranges are the published API description's.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rftctl.server.refusal import RefusalError, bad
from rftctl.spec import EngineSettings, Hyperparameters  # noqa: TC001 (pydantic reads annotations)
from rftctl.text import one_line

_ShortText = Annotated[str, Field(max_length=512)]
_Key = Annotated[str, Field(max_length=64)]
_Tools = Annotated[list[dict[str, Any]], Field(max_length=128)]

B = TypeVar("B", bound=BaseModel)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class GraderBody(BaseModel):
    """A grader as sent; what its type needs is the grader room's business."""

    model_config = ConfigDict(extra="allow", strict=True)
    type: Annotated[str, Field(min_length=1)]


class Judge(_Body):
    """The model behind score_model and label_model graders; the key stays in the environment."""

    base_url: Annotated[str, Field(min_length=1)]
    model: str | None = None
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    api_key_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    concurrency: Annotated[int, Field(ge=1, le=512)] | None = None
    timeout_s: Annotated[float, Field(gt=0)] | None = None


class Extension(_Body):
    """The `rftctl` key: engine settings and the judge."""

    engine: EngineSettings | None = None
    judge: Judge | None = None


class Reinforcement(_Body):
    """`method.reinforcement`."""

    grader: GraderBody
    hyperparameters: Hyperparameters | None = None
    response_format: dict[str, Any] | None = None
    tools: _Tools | None = None


class Method(_Body):
    """`method`."""

    type: Literal["reinforcement"]
    reinforcement: Reinforcement


class CreateJob(_Body):
    """The body of `POST /fine_tuning/jobs`."""

    model: Annotated[str, Field(min_length=1, max_length=4096)]
    training_file: str
    validation_file: str | None = None
    method: Method
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    metadata: Annotated[dict[_Key, _ShortText], Field(max_length=16)] | None = None
    integrations: Annotated[list[Any], Field(max_length=0)] | None = None
    rftctl: Extension | None = None


class RunExtension(_Body):
    """The `rftctl` key of a grader run: the judge, in place of the service's own models."""

    judge: Judge | None = None


class RunGrader(_Body):
    """The body of `POST /fine_tuning/alpha/graders/run`."""

    grader: GraderBody
    model_sample: str
    item: dict[str, Any] | None = None
    rftctl: RunExtension | None = None


class ValidateGrader(_Body):
    """The body of `POST /fine_tuning/alpha/graders/validate`."""

    grader: GraderBody


def parse_json(body: bytes) -> dict[str, Any]:
    """Read a JSON object strictly: no NaN, no key twice, UTF-8, no lone surrogate, bounded depth.

    Raises:
        RefusalError: 400, saying what is wrong.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique)
        if b"\\ud" in body.lower():
            # Half of a surrogate pair is no character: SQLite and every reader of UTF-8 refuse it.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else one_line(str(error))
        raise bad(f"the request body is not JSON: {reason}", code="invalid_json") from error
    if not isinstance(value, dict):
        raise bad("the request body must be a JSON object", code="invalid_json")
    return value


def check_body(model: type[B], body: dict[str, Any]) -> B:
    """Check a body against its model; raises RefusalError (400) naming the first field at fault."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _refusal(error, body) from error


def check_create(body: dict[str, Any]) -> CreateJob:
    """Check the body of a job's creation; raises RefusalError (400)."""
    method = body.get("method")
    kind = method.get("type") if isinstance(method, dict) else None
    if isinstance(method, dict) and isinstance(kind, str) and kind != "reinforcement":
        raise bad(
            f"method.type '{one_line(kind)}' is not offered: this service does 'reinforcement'", "method.type"
        )
    if body.get("integrations"):
        raise bad("integrations are not offered by the embedded service", "integrations")
    return check_body(CreateJob, body)


def _refusal(error: ValidationError, body: dict[str, Any]) -> RefusalError:
    errors = error.errors(include_url=False, include_context=False)
    # In `number or "auto"` the number's complaint says more than the literal's.
    first = next((each for each in errors if each["type"] != "literal_error"), errors[0])
    param = _param(first["loc"], body)
    said = first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "extra_forbidden":
        return bad(f"'{param}' is not a known key of this request", param, "unknown_parameter")
    if first["type"] == "missing":
        return bad(f"'{param}' is missing", param, "missing_required_parameter")
    return bad(f"'{param}' is {one_line(repr(first['input']), limit=80)}: {said}", param, "invalid_value")


def _param(location: tuple[int | str, ...], body: Any) -> str:
    # Pydantic puts names of union branches between the keys; only what stands in the body is a place.
    names: list[str] = []
    for index, part in enumerate(location):
        if _holds(body, part):
            body = body[part]
        elif not isinstance(body, dict) or index + 1 < len(location):
            continue
        names.append(str(part))
    return ".".join(names)


def _holds(body: Any, part: int | str) -> bool:
    if isinstance(body, list):
        return isinstance(part, int) and part < len(body)
    return isinstance(body, dict) and part in body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value
