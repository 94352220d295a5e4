"""Keys in rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rftctl.dataset.secrets import find_secrets, mask, may_hold_secret
from tests.dataset.conftest import row

if TYPE_CHECKING:
    from collections.abc import Callable

LETTERS = "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2Yz3aB4cD5eF6gH7iJ8"
KEYS = {
    "an OpenAI key": "sk-proj-" + LETTERS[:40],
    "an Anthropic key": "sk-ant-api03-" + LETTERS[:40],
    "an AWS access key id": "AKIA" + "Q7RS2TUV9WXYZ4AB",
    "an AWS secret key": "aws_secret_access_key = " + LETTERS[:40],
    "a GitHub token": "ghp_" + LETTERS[:36],
    "a GitLab token": "glpat-" + LETTERS[:20],
    "a Hugging Face token": "hf_" + LETTERS[:34],
    "a Slack token": "xoxb-" + LETTERS[:30],
    "a Stripe key": "sk_live_" + LETTERS[:24],
    "a Google API key": "AIza" + LETTERS[:35],
    "an npm token": "npm_" + LETTERS[:36],
    "a private key": "-----BEGIN OPENSSH PRIVATE KEY-----",
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_is_found_and_masked(kind: str) -> None:
    line = f'{{"a": "see {KEYS[kind]}"}}'.encode()
    assert may_hold_secret(line)
    [(column, fault)] = find_secrets(line)
    assert (column, kind in fault.message) == (7, True)
    secret = KEYS[kind]
    assert secret not in mask(line.decode())
    assert len(mask(line.decode())) == len(line)


@pytest.mark.parametrize(
    "text",
    [
        "risk-adjusted-returns-of-long-short-funds-2024",
        "sk-learn-compatible-estimators-in-pipelines",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxx1",
        "AKIAIOSFODNN7EXAMPLE",
        "hf_hub_download(repo_id, filename)",
        "-----BEGIN PUBLIC KEY-----",
    ],
)
def test_words_and_placeholders_are_no_keys(text: str) -> None:
    assert list(find_secrets(f'{{"a": "{text}"}}'.encode())) == []


def test_a_key_is_a_warning_at_the_text_that_holds_it(check: Callable[..., Any]) -> None:
    checked = check(row("nothing here", code="A"), row("b", code="my " + KEYS["a GitHub token"]))
    assert checked.places("RFT242") == [(2, 58)]


def test_no_finding_shows_a_key(check: Callable[..., Any]) -> None:
    rows = [row(f"case {n}", code=KEYS["an OpenAI key"]) for n in range(12)]
    checked = check(*rows, '{"' + KEYS["an npm token"] + '": 1, "' + KEYS["an npm token"] + '": 2}')
    said = " ".join(f"{finding.message} {finding.hint}" for finding in checked.log.kept)
    assert {"RFT236", "RFT242", "RFT202"} <= set(checked.log.counts)
    assert KEYS["an OpenAI key"] not in said
    assert KEYS["an npm token"] not in said
