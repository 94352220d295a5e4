from pathlib import Path

from transformers import AutoTokenizer

from rftctl.engine.tiny import build_tiny_model


def test_the_same_seed_gives_the_same_weights(tiny: Path, tmp_path: Path) -> None:
    again = build_tiny_model(tmp_path / "again")
    other = build_tiny_model(tmp_path / "other", seed=1)
    weights = [(folder / "model.safetensors").read_bytes() for folder in (tiny, again, other)]
    assert weights[0] == weights[1] != weights[2]


def test_every_byte_is_a_token(tiny: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    ids = tokenizer.encode("aé€\n")
    assert len(ids) == len("aé€\n".encode())
    assert tokenizer.decode(ids) == "aé€\n"
    assert len(tokenizer) == 259
