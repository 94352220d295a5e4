"""Twenty ways to spoil a right create request, each of which the published description forbids.

In: the body of a create with a multi grader. Out: the same body with one thing wrong.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Body = dict[str, Any]


def _drop(*place: str) -> Callable[[Body], None]:
    def mutate(body: Body) -> None:
        _at(body, place[:-1]).pop(place[-1])

    return mutate


def _set(value: Any, *place: str) -> Callable[[Body], None]:
    def mutate(body: Body) -> None:
        _at(body, place[:-1])[place[-1]] = value

    return mutate


def _at(body: Body, place: tuple[str, ...]) -> Body:
    for key in place:
        body = body.setdefault(key, {})
    return body


_METHOD = ("method", "reinforcement")
_SETTINGS = (*_METHOD, "hyperparameters")
_GRADER = (*_METHOD, "grader")
_PARTS = (*_GRADER, "graders")

MUTATIONS: dict[str, Callable[[Body], None]] = {
    "no model": _drop("model"),
    "no training file": _drop("training_file"),
    "a number for the training file": _set(7, "training_file"),
    "a word for the seed": _set("seven", "seed"),
    "a suffix of 65 characters": _set("x" * 65, "suffix"),
    "a number among the metadata": _set({"team": 7}, "metadata"),
    "no type of method": _drop("method", "type"),
    "a method nobody has": _set("reinforce", "method", "type"),
    "no grader": _drop(*_GRADER),
    "0 epochs": _set(0, *_SETTINGS, "n_epochs"),
    "51 epochs": _set(51, *_SETTINGS, "n_epochs"),
    "257 examples in a batch": _set(257, *_SETTINGS, "batch_size"),
    "a compute multiplier of 11": _set(11, *_SETTINGS, "compute_multiplier"),
    "an effort nobody knows": _set("ultra", *_SETTINGS, "reasoning_effort"),
    "an evaluation every 0 steps": _set(0, *_SETTINGS, "eval_interval"),
    "an operation nobody knows": _set("equals", *_PARTS, "same", "operation"),
    "a metric nobody knows": _set("rouge_9", *_PARTS, "near", "evaluation_metric"),
    "a python grader without source": _drop(*_PARTS, "code", "source"),
    "no formula": _drop(*_GRADER, "calculate_output"),
    "graders in a list": _set([], *_PARTS),
}


def spoil(body: Body, name: str) -> Body:
    """Return the body with one thing wrong."""
    spoiled = copy.deepcopy(body)
    MUTATIONS[name](spoiled)
    return spoiled
