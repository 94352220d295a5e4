"""Graders that live at the provider: `endpoint` (Azure, preview) and `lambda` (Amazon Bedrock).

An endpoint is only checked: a spec is untrusted, so rftctl never calls an address that stands in one.
A lambda is graded by a local copy of its handler, which a spec names as `handler_file`; the handler
gets the documented event, a list of one `{id, messages, metadata}` whose last message is the output,
and answers a list of `{id, aggregate_reward_score, …}` (Bedrock user guide, reward functions for
open-weight models). `reference_answer` stands in `metadata` as documented and beside it as in AWS's
own blog. The copy runs in the sandbox; the key `handler` is ours and never sent.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rftctl.graders.checks import kind
from rftctl.graders.python import SourceGrader
from rftctl.graders.python_source import parse_source

if TYPE_CHECKING:
    from rftctl.graders.checks import Checker
    from rftctl.sandbox import Sandbox

LOCAL_KEYS = frozenset({"handler"})
"""Keys of a grader that are for rftctl alone and never sent."""

_ARN = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}(?::[A-Za-z0-9$_-]+)?\Z"
)
_SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie", re.IGNORECASE)

_ADAPTER = """\
import json
import types

_handler = types.ModuleType("handler")
exec(compile(json.loads({source!r}), "handler.py", "exec"), _handler.__dict__)


def grade(sample, item):
    messages = list(item.get("messages") or [])
    messages.append(sample["choices"][0]["message"])
    metadata = {{key: value for key, value in item.items() if key not in ("messages", "tools")}}
    event = {{"id": "1", "messages": messages, "metadata": metadata}}
    if "reference_answer" in metadata:
        event["reference_answer"] = metadata["reference_answer"]
    replies = _handler.lambda_handler([json.loads(json.dumps(event))], None)
    if not isinstance(replies, list) or len(replies) != 1 or not isinstance(replies[0], dict):
        raise TypeError("lambda_handler must return a list with one object per event")
    if replies[0].get("id") != "1":
        raise ValueError("lambda_handler must return the id of its event")
    return replies[0]["aggregate_reward_score"]
"""


def check_endpoint(check: Checker) -> None:
    """Report what is wrong with an endpoint config."""
    check.keys(("url",), ("name", "headers", "rate_limit"), ("pass_threshold",))
    url = check.text("url")
    if url is not None:
        _check_url(check, url)
    _check_headers(check)
    rate = check.config.get("rate_limit")
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float) or rate <= 0):
        check.error("RFT303", ("rate_limit",), f"is {rate!r}", "give a number above 0, requests per second")


def check_lambda(check: Checker) -> None:
    """Report what is wrong with a lambda config."""
    check.keys(("lambda",), ("name", "handler"))
    inner = check.config.get("lambda")
    if inner is None:
        return
    arn = inner.get("function") if isinstance(inner, dict) else None
    if not isinstance(arn, str) or not _ARN.match(arn):
        hint = "write lambda: {function: arn:aws:lambda:REGION:ACCOUNT:function:NAME}"
        check.error("RFT361", ("lambda", "function"), "is not the ARN of a Lambda function", hint)
    if isinstance(inner, dict):
        for key in inner.keys() - {"function"}:
            hint = "its only key is 'function'"
            check.warning("RFT304", ("lambda", key), "is not a key of a lambda grader", hint, of_key=True)
    source = check.text("handler")
    if source is not None:
        _check_handler(check, source)


class LambdaGrader(SourceGrader):
    """Grades by a local copy of the function's handler."""

    type = "lambda"

    def __init__(self, config: dict[str, Any], sandbox: Sandbox) -> None:
        source = _ADAPTER.format(source=json.dumps(config["handler"]))
        super().__init__(config.get("name", self.type), source, sandbox)


def _check_url(check: Checker, url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not parts.hostname:
        check.error("RFT360", ("url",), "is not an https URL", "write https://HOST/PATH")
    elif parts.username or parts.password:
        check.error("RFT360", ("url",), "holds a password", "send it in a header that the provider keeps")


def _check_headers(check: Checker) -> None:
    headers = check.config.get("headers")
    if headers is None:
        return
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        what = "has a value that is not a string" if isinstance(headers, dict) else f"is {kind(headers)}"
        check.error("RFT303", ("headers",), what, "write names and strings")
        return
    for name in headers:
        if _SECRET_HEADER.search(name):
            hint = "keep the spec out of public places, and give this key no other right"
            what = "looks like a secret that stands in the spec"
            check.warning("RFT362", ("headers", name), what, hint, of_key=True)


def _check_handler(check: Checker, source: str) -> None:
    tree = parse_source(check, source, "handler")
    if tree is not None and "lambda_handler" not in tree.functions:
        hint = "define `def lambda_handler(event, context):` at the top level"
        check.error("RFT342", ("handler",), "defines no function 'lambda_handler'", hint)
