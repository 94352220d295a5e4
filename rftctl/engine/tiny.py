"""A random byte-level model of 0.1 million parameters: a rehearsal without weights.

In: a folder and a seed. Out: a complete model folder: Llama, one token a byte, a ChatML template.
It is what `model: tiny-random` means, and what tests and CI train.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SPECIALS = ("<|pad|>", "<|im_start|>", "<|im_end|>")
_MARKERS = ("<think>", "</think>")
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_OPENING_TEMPLATE = _TEMPLATE.replace(
    "assistant\n{% endif %}", "assistant\n<think>\n{# </think> #}{% endif %}"
)


def build_tiny_model(folder: Path, seed: int = 0, *, thinks: bool = False) -> Path:
    """Write a random model of two layers, hidden size 64 and 259 tokens.

    Args:
        folder: made if absent.
        seed: of the weights; the same seed gives the same bytes.
        thinks: give it `<think>` marker tokens, and a template that opens the thinking part.

    Returns:
        `folder`.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _byte_tokenizer(thinks=thinks)
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    with quiet_bars():
        model.save_pretrained(folder)
    return folder


@contextmanager
def quiet_bars() -> Iterator[None]:
    """Keep `transformers` from drawing progress bars into a worker's output."""
    from transformers.utils import logging

    bars: Any = logging
    were_on = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if were_on:
            bars.enable_progress_bar()


def _byte_tokenizer(*, thinks: bool) -> Any:
    import transformers
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({symbol: i for i, symbol in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in _SPECIALS])
    if thinks:
        tokenizer.add_tokens([AddedToken(name, special=False) for name in _MARKERS])
    fast: Any = transformers.PreTrainedTokenizerFast
    return fast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",  # noqa: S106
        eos_token="<|im_end|>",  # noqa: S106
        chat_template=_OPENING_TEMPLATE if thinks else _TEMPLATE,
    )
