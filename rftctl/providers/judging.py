"""The provider itself as the judge of model graders: where its chat endpoint is, and which key opens it.

In: a provider's name, the user's `Home`, the environment. Out: `JudgeSettings`, which name the key's
variable and never hold the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftctl.judge import JudgeSettings
from rftctl.providers import azure, bedrock, openai

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.home import Home


def own_judge_settings(name: str, home: Home, environ: Mapping[str, str]) -> JudgeSettings:
    """Give the settings under which a provider's own models judge; the model is the one the grader names.

    Raises:
        ProviderError: its address is missing, or would send the key in the clear.
    """
    own = home.providers.get(name)
    if own is not None:
        return JudgeSettings(
            openai.checked_url(str(own["base_url"]), name), api_key_env=own.get("api_key_env")
        )
    if name == "azure":
        url = azure.base_url_in(environ, name)
        if environ.get("AZURE_OPENAI_AD_TOKEN", "").strip():
            return JudgeSettings(url, api_key_env="AZURE_OPENAI_AD_TOKEN")
        return JudgeSettings(url, api_key_env="AZURE_OPENAI_API_KEY", api_key_header="api-key")
    if name == "bedrock":
        return JudgeSettings(bedrock.base_url_in(environ, name), api_key_env="AWS_BEARER_TOKEN_BEDROCK")
    return JudgeSettings(openai.base_url_in(environ, name))
