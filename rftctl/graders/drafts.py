"""Draft the smallest grader that fits a dataset's reference fields.

In: dataset rows, and the response format if there is one. Out: a grader config to start from. Truth
values, labels and single words become string checks, short texts a check with partial credit for each
right word, long ones a similarity, several fields a `multi` of these; numbers, lists and objects need a
python grader, whose source only uses the standard library. Whether a draft is any good is for the report
card to say.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from rftctl.errors import InvalidInputError
from rftctl.graders.draft_fields import choose_fields
from rftctl.graders.formula import FUNCTIONS
from rftctl.template import TemplateSyntaxError, parse_template
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.dataset import Example

_LONG_TEXT = 60
_MAX_LABELS = 10
_NEED_NO_CODE = frozenset({"truth", "label", "word", "text", "long text"})

_SOURCE = '''\
"""Compares the output with the row field by field; drafted by rftctl, to be reviewed."""

import json
import re

FIELDS = {fields}
AS_JSON = {as_json}


def grade(sample, item):
    if not AS_JSON:
        [(name, kind)] = FIELDS.items()
        return credit(kind, read(kind, sample["output_text"]), item[name])
    answer = sample.get("output_json")
    if not isinstance(answer, dict):
        return 0.0
    return sum(credit(kind, answer.get(name), item[name]) for name, kind in FIELDS.items()) / len(FIELDS)


def read(kind, text):
    """The value in a plain text: a number alone or after "answer is", JSON, or the text itself."""
    if kind == "number":
        last = text.strip().splitlines()[-1] if text.strip() else ""
        pattern = r"(?i)(?:.*answer *(?:is|:|=) *)?[$]?(-?[0-9.,]+(?:e[+-]?[0-9]+)?)%?"
        number = re.fullmatch(pattern, last.rstrip(". "))
        try:
            return float(number[1].replace(",", "")) if number else None
        except ValueError:
            return None
    if kind in ("list", "object", "truth", "mixed"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def credit(kind, found, wanted):
    """1.0 for the right value, part of it for one that is close, 0.0 for anything else."""
    if kind == "number":
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            return 0.0
        return 1.0 if found == wanted else 0.5 if abs(found - wanted) <= 0.01 * abs(wanted) else 0.0
    if kind == "list":
        return overlap(found, wanted) if isinstance(found, list) else 0.0
    if kind == "object":
        return overlap(leaves(found), leaves(wanted)) if isinstance(found, dict) else 0.0
    if isinstance(found, str) and isinstance(wanted, str):
        return float(found.strip() == wanted.strip())
    return float(type(found) is type(wanted) and found == wanted)


def overlap(found, wanted):
    """F1 of two lists, so that naming everything does not pay."""
    rest = [json.dumps(value, sort_keys=True) for value in wanted]
    n_found, n_wanted, hits = len(found), len(rest), 0
    for value in found:
        text = json.dumps(value, sort_keys=True)
        if text in rest:
            rest.remove(text)
            hits += 1
    if n_found + n_wanted == 0:
        return 1.0
    return 2 * hits / (n_found + n_wanted)


def leaves(value, path=()):
    """Every innermost value of an object with the way to it."""
    if isinstance(value, dict):
        return [leaf for key in value for leaf in leaves(value[key], (*path, key))]
    return [[*path, value]]
'''


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed grader.

    Attributes:
        config: the API's grader JSON.
        fields: reference field -> truth, label, word, text, long text, number, list, object or mixed.
        as_json: whether outputs are read as a JSON object, or as one plain text.
    """

    config: dict[str, Any]
    fields: dict[str, str]
    as_json: bool

    def right_answer(self, item: dict[str, Any]) -> str:
        """Write the output that deserves the full reward for a row."""
        if self.as_json:
            return json.dumps({name: item[name] for name in self.fields}, ensure_ascii=False)
        [name] = self.fields
        return item[name] if isinstance(item[name], str) else json.dumps(item[name], ensure_ascii=False)


def draft_grader(
    examples: Sequence[Example], *, properties: Sequence[str] = (), fields: Sequence[str] = ()
) -> Draft:
    """Propose a grader.

    Args:
        properties: keys of the response format's schema; outputs are JSON where there are any.
        fields: reference fields to compare; chosen by `choose_fields` when none are given.

    Raises:
        InvalidInputError: it is not clear which fields hold the right answer, or no output can hold it.
    """
    names = choose_fields(examples, properties, fields)
    kinds = {name: _kind([example.item[name] for example in examples]) for name in names}
    as_json = _reads_json(names, kinds, properties)
    sides = _sides_within(names, kinds, examples, properties) or _sides(names, as_json)
    compared = {
        key: _kind([_at(example.item, path) for example in examples]) for key, (path, _) in sides.items()
    }
    if compared and _NEED_NO_CODE.issuperset(compared.values()):
        config = _declarative(compared, sides)
    else:
        config = _python(kinds, as_json)
    return Draft(config, kinds, as_json)


_Sides: TypeAlias = dict[str, tuple[tuple[str, ...], str]]
"""What is compared -> the way to it in the row, and the template of its counterpart in the output."""


def _sides(names: Sequence[str], as_json: bool) -> _Sides:
    """Compare field by field; nothing when a template cannot name one of them."""
    if not all(_is_reachable(name) for name in names):
        return {}
    text = "{{sample.output_text}}"
    return {name: ((name,), f"{{{{sample.output_json.{name}}}}}" if as_json else text) for name in names}


def _sides_within(
    names: Sequence[str], kinds: dict[str, str], examples: Sequence[Example], properties: Sequence[str]
) -> _Sides:
    """Compare part by part an object that is the whole output, where the response format gives its parts."""
    if len(names) > 1 or kinds[names[0]] != "object":
        return {}
    [name] = names
    keys = list(examples[0].item[name])
    is_same = all(set(example.item[name]) == set(keys) for example in examples)
    if not is_same or not set(keys) <= set(properties) or not all(map(_is_reachable, (name, *keys))):
        return {}
    return {key: ((name, key), f"{{{{sample.output_json.{key}}}}}") for key in keys}


def _at(item: Any, path: Sequence[str]) -> Any:
    for key in path:
        item = item[key]
    return item


def _reads_json(names: Sequence[str], kinds: dict[str, str], properties: Sequence[str]) -> bool:
    """Whether outputs are an object that holds the fields; an object field may be the output itself.

    Raises:
        InvalidInputError: outputs are JSON and have no key for the answer.
    """
    if len(names) > 1 or not properties:
        return len(names) > 1
    [name] = names
    if name in properties or kinds[name] == "object":
        return name in properties
    keys = ", ".join(properties)
    raise InvalidInputError(
        f"the response format has no '{one_line(name)}', so no output holds the answer",
        f"it has {one_line(keys, limit=200)}; use one name in rows and schema, or --answer-field",
    )


def _kind(values: Sequence[Any]) -> str:
    if all(isinstance(value, bool) for value in values):
        return "truth"
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return "number"
    for kind, python_type in (("list", list), ("object", dict)):
        if all(isinstance(value, python_type) for value in values):
            return kind
    if not all(isinstance(value, str) for value in values):
        return "mixed"
    if len(set(values)) <= min(_MAX_LABELS, max(2, len(values) // 3)):
        return "label"
    if sum(map(len, values)) / len(values) > _LONG_TEXT:
        return "long text"
    return "text" if any(len(value.split()) > 1 for value in values) else "word"


def _is_reachable(name: str) -> bool:
    try:
        [path] = parse_template(f"{{{{item.{name}}}}}").paths
    except (TemplateSyntaxError, ValueError):
        return False
    return path.segments == (name,)


def _python(kinds: dict[str, str], as_json: bool) -> dict[str, Any]:
    source = _SOURCE.format(fields=json.dumps(kinds, ensure_ascii=False), as_json=as_json)
    return {"type": "python", "name": "drafted", "source": source}


def _declarative(kinds: dict[str, str], sides: _Sides) -> dict[str, Any]:
    graders: dict[str, Any] = {}
    terms = []
    for name, kind in kinds.items():
        key = _key(name, graders)
        path, output = sides[name]
        both = {"input": output, "reference": f"{{{{item.{'.'.join(path)}}}}}"}
        same = {"type": "string_check", "name": f"{name} is right", **both, "operation": "eq"}
        # Not fuzzy_match: it pays a short reference's first letter nearly in full.
        metric = "rouge_l" if kind == "long text" else "rouge_1"
        close = {"type": "text_similarity", "name": f"{name} is close", **both, "evaluation_metric": metric}
        if kind in ("truth", "label", "word", "text"):
            graders[key] = same
        if kind in ("text", "long text"):
            graders[f"{key}_close"] = close
        terms.append({"text": f"0.7 * {key} + 0.3 * {key}_close", "long text": f"{key}_close"}.get(kind, key))
    if len(graders) == 1:
        return next(iter(graders.values()))
    total = " + ".join(terms) if len(terms) == 1 else f"({' + '.join(terms)}) / {len(terms)}"
    return {"type": "multi", "name": "drafted", "graders": graders, "calculate_output": total}


def _key(name: str, taken: dict[str, Any]) -> str:
    key = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not re.match(r"[A-Za-z_]", key) or key in FUNCTIONS:
        key = f"field_{key}"
    while key in taken:
        key += "_"
    return key
