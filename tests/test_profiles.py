"""Provider facts."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from rftctl.errors import InvalidInputError
from rftctl.profiles import load_profile, load_profiles

if TYPE_CHECKING:
    from pathlib import Path


def test_every_packaged_profile_has_a_source_and_a_day() -> None:
    for profile in load_profiles().values():
        assert profile.source
        assert date.fromisoformat(profile.checked_on) <= date(2026, 11, 22)


def test_o4_mini_is_gone_at_openai_and_alive_at_azure() -> None:
    today, model = date(2026, 11, 22), "o4-mini-2025-04-16"
    assert not load_profile("openai").offers_model(model, today)
    assert load_profile("azure").offers_model(model, today)


def test_a_model_works_until_the_day_before_its_end() -> None:
    openai = load_profile("openai")
    assert openai.offers_model("o4-mini-2025-04-16", date(2026, 10, 22))
    assert not openai.offers_model("o4-mini-2025-04-16", date(2026, 10, 23))


@pytest.mark.parametrize("model", ["ft:o4-mini-2025-04-16:org:name:id", "o4-mini-2025-04-16.ft-abc"])
def test_a_fine_tune_counts_as_its_base_model(model: str) -> None:
    facts = load_profile("azure").find_model(model)
    assert facts is not None
    assert facts.id == "o4-mini-2025-04-16"


def test_the_embedded_engine_takes_unlisted_models_and_costs_nothing() -> None:
    local = load_profile("local")
    assert local.offers_model("org/name", date(2026, 11, 22))
    assert not local.is_billed
    assert local.accepts_engine


def test_an_unknown_provider_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InvalidInputError) as caught:
        load_profile("azzure")
    assert (caught.value.findings[0].code, caught.value.hint) == ("RFT400", "did you mean 'azure'?")


def test_the_users_file_replaces_single_facts(tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text("openai:\n  usd_per_training_hour: 80\n")
    profile = load_profile("openai", path)
    assert (profile.usd_per_training_hour, profile.title) == (80, "OpenAI")


def test_the_users_file_may_add_a_provider(tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text("ours: {title: Ours, source: our wiki, checked_on: '2026-11-01', has_any_model: true}\n")
    assert load_profile("ours", path).has_any_model


@pytest.mark.parametrize("text", ["openai: {modls: []}", "openai: {ends_on: soon}", "- openai", "openai: 3"])
def test_a_wrong_file_of_the_user_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInputError) as caught:
        load_profiles(path)
    assert [(f.code, f.place.line) for f in caught.value.findings] == [("RFT430", 1)]
