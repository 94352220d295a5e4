import threading
from pathlib import Path

import pytest

from rftctl.engine.models import find_model, list_local_models
from rftctl.errors import NotOfferedError, StorageError


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_a_folder_is_a_model(tiny: Path, tmp_path: Path) -> None:
    assert find_model(str(tiny), tmp_path).folder == tiny


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotOfferedError, match=r"is a folder without config\.json"):
        find_model(str(tmp_path), tmp_path)


@pytest.mark.parametrize("name", ["gpt-9", "nobody/nothing-7b", "../x", "a b", "a" * 200])
def test_an_unknown_model_names_the_ones_that_are_here(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotOfferedError, match=f"model '{name}' is neither a folder") as caught:
        find_model(name, tmp_path)
    assert "tiny-random" in caught.value.hint


def test_tiny_random_is_built_once(tmp_path: Path) -> None:
    first = find_model("tiny-random", tmp_path)
    made = (first.folder / "model.safetensors").stat().st_mtime_ns
    assert find_model("tiny-random", tmp_path) == first
    assert (first.folder / "model.safetensors").stat().st_mtime_ns == made


def test_threads_that_want_the_same_model_share_it(tmp_path: Path) -> None:
    found: list[Path] = []
    work = [
        threading.Thread(target=lambda: found.append(find_model("tiny-random", tmp_path).folder))
        for _ in "ab"
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1


def test_a_half_made_model_is_made_again(tmp_path: Path) -> None:
    partial = tmp_path / "models" / "tiny-random-v1.partial"
    partial.mkdir(parents=True)
    (partial / "config.json").write_text("{")
    assert (find_model("tiny-random", tmp_path).folder / "model.safetensors").is_file()
    assert not partial.exists()


def test_a_cache_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    with pytest.raises(StorageError, match="could not be written"):
        find_model("tiny-random", tmp_path)


def test_the_tiny_model_is_always_listed(tmp_path: Path) -> None:
    assert "tiny-random" in list_local_models(tmp_path)
