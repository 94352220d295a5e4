"""The provider itself as judge: where it is asked and under which key's name."""

from __future__ import annotations

import pytest

from rftctl.errors import ProviderError
from rftctl.home import Home
from rftctl.judge import HttpJudge
from rftctl.providers.judging import own_judge_settings

HOMELESS = Home(path=None)  # type: ignore[arg-type]


def test_openai_judges_under_its_own_key():
    settings = own_judge_settings("openai", HOMELESS, {})
    assert (settings.base_url, settings.api_key_env) == ("https://api.openai.com/v1", "OPENAI_API_KEY")
    assert settings.model is None


def test_openais_address_may_be_another():
    settings = own_judge_settings("openai", HOMELESS, {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert settings.base_url == "http://127.0.0.1:9/v1"


def test_azure_takes_the_bare_key_in_its_own_header():
    settings = own_judge_settings(
        "azure", HOMELESS, {"AZURE_OPENAI_ENDPOINT": "https://lab.openai.azure.com/"}
    )
    assert settings.base_url == "https://lab.openai.azure.com/openai/v1"
    assert (settings.api_key_env, settings.api_key_header) == ("AZURE_OPENAI_API_KEY", "api-key")


def test_an_entra_token_goes_before_azures_key():
    environ = {"AZURE_OPENAI_ENDPOINT": "https://lab.openai.azure.com", "AZURE_OPENAI_AD_TOKEN": "t"}
    settings = own_judge_settings("azure", HOMELESS, environ)
    assert (settings.api_key_env, settings.api_key_header) == ("AZURE_OPENAI_AD_TOKEN", "Authorization")


def test_azure_without_an_address_says_which_variable_is_missing():
    with pytest.raises(ProviderError, match="AZURE_OPENAI_ENDPOINT"):
        own_judge_settings("azure", HOMELESS, {})


def test_bedrock_judges_in_its_region():
    settings = own_judge_settings("bedrock", HOMELESS, {"AWS_REGION": "us-east-1"})
    assert settings.base_url == "https://bedrock-mantle.us-east-1.api.aws/v1"
    assert settings.api_key_env == "AWS_BEARER_TOKEN_BEDROCK"


def test_a_provider_of_the_users_judges_under_the_key_that_config_names(tmp_path):
    home = Home(tmp_path, providers={"lab": {"base_url": "https://lab.invalid/v1", "api_key_env": "LAB_KEY"}})
    settings = own_judge_settings("lab", home, {})
    assert (settings.base_url, settings.api_key_env) == ("https://lab.invalid/v1", "LAB_KEY")


def test_a_missing_key_is_named_with_both_ways_out(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ProviderError, match="OPENAI_API_KEY is not set") as caught:
        HttpJudge(own_judge_settings("openai", HOMELESS, {}))
    assert "`judge:`" in caught.value.hint
