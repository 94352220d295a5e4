"""Gather what the rows of a split must satisfy.

In: a grader, a provider's profile, a model. Out: `DataRules` for `check_dataset`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rftctl.dataset.check import DataRules
from rftctl.dataset.images import ImageRules
from rftctl.dataset.rows import RowRules
from rftctl.dataset.tokens import TokenRules
from rftctl.spec.reads import python_fields, template_paths
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from rftctl.finding import Place
    from rftctl.profiles import Profile


def data_rules(
    grader: dict[str, Any],
    profile: Profile | None,
    split: str,
    model: str = "",
    place: Callable[..., Place] | None = None,
) -> DataRules:
    """Gather what a split's rows must satisfy: the provider's limits and what the grader reads.

    Args:
        model: the base model, whose tokens are counted and whose context bounds a prompt.
        place: tells where in the spec the value under some keys stands.
    """
    found = template_paths(grader)
    reads = tuple(read.path for read in found)
    places = {read.path.text: place("grader", *read.keys) for read in found} if place else {}
    fields = tuple(dict.fromkeys(name for _, name in python_fields(grader)))
    if profile is None:
        return DataRules(reads=reads, fields=fields, read_places=places)
    limits, is_training, is_test = profile.limits, split == "training", split == "test"
    return DataRules(
        rows=_row_rules(profile),
        reads=reads,
        fields=fields,
        min_rows=limits.min_training_rows if is_training else None,
        max_rows=None if is_test else limits.max_training_rows if is_training else limits.max_validation_rows,
        max_bytes=None if is_test else limits.max_file_bytes,
        source=profile.evidence,
        tokens=_token_rules(profile, model),
        read_places=places,
    )


def _row_rules(profile: Profile) -> RowRules:
    limits = profile.limits
    images = ImageRules(
        limits.image_types, limits.takes_image_links, limits.max_image_bytes, limits.max_images_per_row
    )
    roles, last_roles = frozenset(profile.roles), frozenset(profile.last_roles)
    return RowRules(roles, last_roles, frozenset(profile.part_types), images)


def _token_rules(profile: Profile, model: str) -> TokenRules:
    facts = profile.find_model(model)
    if facts is not None:
        return TokenRules(facts.tokenizer, facts.context_tokens, one_line(model))
    # A folder of weights brings its own tokenizer.
    own = _own_tokenizer(model) if model and profile.has_any_model else ""
    return TokenRules(own, None, one_line(model))


def _own_tokenizer(model: str) -> str:
    path = Path(model) / "tokenizer.json"
    try:
        return str(path) if path.is_file() else ""
    except (OSError, ValueError):
        # Most models are names and no paths; some are too long for one.
        return ""
