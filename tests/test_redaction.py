"""Keys made unreadable, however they are written, and ordinary words left alone."""

from __future__ import annotations

import base64
import subprocess
import sys
from urllib.parse import quote

import pytest

from rftctl.redaction import learn, learn_environment, redact, redact_values
from rftctl.text import one_line, safe

KEY = "k3y/of+some=length-0123456789"


@pytest.fixture(autouse=True)
def known() -> None:
    """Let the key be known, as a provider would."""
    learn(KEY)


def forms() -> list[str]:
    encoded = [base64.b64encode(before + KEY.encode() + b"!").decode() for before in (b"", b"u:", b"user:")]
    return [KEY, quote(KEY, safe=""), *encoded, base64.urlsafe_b64encode(KEY.encode()).decode()]


@pytest.mark.parametrize("form", forms())
def test_a_known_key_is_masked_however_it_is_written(form: str) -> None:
    masked = redact(f"before {form} after")
    assert "***" in masked
    assert form[4:-4] not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdefghij0123456789",
        "sk-ant-api03-abcdefghijklmnop",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "hf_abcdefghijklmnopqrstuvwxyz",
        "xoxb-1234567890-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJl",
        "bedrock-api-key-YmVkcm9jay5hbWF6b24=",
    ],
)
def test_what_has_the_form_of_a_key_is_masked_although_nobody_told_of_it(key: str) -> None:
    assert redact(f"it says '{key}', they say") == "it says '***', they say"


def test_what_follows_bearer_and_what_stands_before_a_host_is_masked() -> None:
    assert redact("Authorization: Bearer abc.def-ghi_jkl~") == "Authorization: Bearer ***"
    assert redact("at https://me:secret@host/v1, look") == "at https://***@host/v1, look"


@pytest.mark.parametrize(
    "text",
    [
        "risk-assessment-of-the-whole-thing",
        "https://host:8080/v1?a=b@c",
        "the bearer of good news",
        "export OPENAI_API_KEY=...",
        "ask-me-anything-you-like-now",
        "none local test",
        "fuzzy_match of sk-learn",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


def test_variables_named_like_secrets_are_known_and_paths_and_numbers_are_not() -> None:
    learn_environment(
        {
            "OFFICE_API_KEY": "office-key-value",
            "GIT_TOKEN": "/run/secrets/token",
            "N_TOKEN": "123456789",
            "HOME_PAGE": "just-some-words",
            "ODD_NAME": "named-by-config",
        },
        ("ODD_NAME",),
    )
    text = "office-key-value /run/secrets/token 123456789 just-some-words named-by-config"
    assert redact(text) == "*** /run/secrets/token 123456789 just-some-words ***"


def test_values_are_masked_inside_out() -> None:
    assert redact_values({KEY: [KEY, {"a": (KEY, 1, None, True)}]}) == {
        "***": ["***", {"a": ["***", 1, None, True]}]
    }


def test_a_key_that_a_cut_would_halve_is_masked_whole() -> None:
    assert safe("x" * 8 + KEY, limit=12) == "x" * 8 + "***"
    assert KEY[:6] not in one_line("x" * 110 + KEY + "y" * 50)


def test_what_anybody_writes_to_the_streams_of_a_process_is_masked() -> None:
    program = (
        "import sys; from rftctl.redaction import guard_streams; guard_streams()\n"
        "sys.stdout.write('out canary-0123456789\\n'); sys.stderr.writelines(['err canary-0123456789\\n'])\n"
        "raise RuntimeError('canary-0123456789')\n"
    )
    environ = {"X_API_KEY": "canary-0123456789"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False
    )
    assert "canary" not in done.stdout + done.stderr.replace("'err canary", "").replace("'out canary", "")
    assert "RuntimeError: ***" in done.stderr
