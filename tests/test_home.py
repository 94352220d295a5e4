"""The state folder and config.yaml: found, made, and refused with a line where it is wrong."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from rftctl.errors import InvalidInputError, StorageError
from rftctl.home import Home, open_home

if TYPE_CHECKING:
    from pathlib import Path


def config(home: Path, text: str) -> Home:
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.yaml").write_text(text)
    return open_home({"RFTCTL_HOME": str(home)})


def test_the_environment_names_the_folder_and_it_is_made_private(tmp_path: Path) -> None:
    found = open_home({"RFTCTL_HOME": str(tmp_path / "a" / "b")})
    assert found.path == tmp_path / "a" / "b"
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o700


def test_without_a_setting_the_users_state_folder_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    found = open_home({"RFTCTL_HOME": ""})
    assert found.path.name == "rftctl"
    assert tmp_path in found.path.parents


def test_without_a_config_nothing_is_configured(tmp_path: Path) -> None:
    found = open_home({"RFTCTL_HOME": str(tmp_path)})
    assert (found.judges, found.providers, found.profiles) == ({}, {}, None)


def test_judges_and_providers_are_read(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        "judges:\n  office: {base_url: 'https://j', api_key_env: KEY, model: m}\n"
        "providers:\n  lab: {base_url: 'https://p', profile: openai}\n",
    )
    assert found.judges["office"]["model"] == "m"
    assert found.providers["lab"]["profile"] == "openai"


def test_an_empty_config_is_a_config(tmp_path: Path) -> None:
    assert config(tmp_path, "# nothing yet\njudges:\n").judges == {}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("judges: {}\nprovider: {}\n", 2, "unknown section 'provider'"),
        ("judges:\n  a:\n    base_url: https://x\n    api_key: k\n", 4, "unknown key 'api_key'"),
        ("judges:\n  a: {model: m}\n", 2, "'a' needs a base_url"),
        ("judges:\n  a: {base_url: 3}\n", 2, "'a' needs a base_url"),
        ("providers:\n  a: nonsense\n", 2, "'a' needs a base_url"),
        ("providers: [a, b]\n", 1, "'providers' must map names"),
    ],
)
def test_a_wrong_entry_is_refused_at_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        config(tmp_path, text)
    assert [f.place.line for f in caught.value.findings] == [line]
    assert words in caught.value.findings[0].message


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "judges: [\n", "a: 1\na: 2\n", "\tx: 1\n"])
def test_a_config_that_is_no_mapping_is_refused_and_not_ignored(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        config(tmp_path, text)
    assert caught.value.findings[0].place.line is not None


@pytest.mark.parametrize(
    "text",
    [
        "judges:\n  a: {base_url: 'https://x', model: 3}\n",
        "judges:\n  a: {base_url: 'https://x', api_key_env: [K]}\n",
        "providers:\n  a: {base_url: 'https://x', profile: 7}\n",
    ],
)
def test_a_setting_of_the_wrong_type_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInputError):
        config(tmp_path, text)


def test_all_wrong_entries_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        config(tmp_path, "judges:\n  a: {}\nx: 1\ny: 2\n")
    assert len(caught.value.findings) == 3


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made") as caught:
        open_home({"RFTCTL_HOME": str(tmp_path / "file" / "below")})
    assert caught.value.hint == "set RFTCTL_HOME"


def test_a_file_in_place_of_the_folder_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made"):
        open_home({"RFTCTL_HOME": str(tmp_path / "file")})


def test_the_users_own_provider_facts_are_found(tmp_path: Path) -> None:
    (tmp_path / "profiles.yaml").write_text("openai: {}\n")
    assert open_home({"RFTCTL_HOME": str(tmp_path)}).profiles == tmp_path / "profiles.yaml"
