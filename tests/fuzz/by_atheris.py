"""Fuzz one target with atheris: coverage of rftctl's own code guides what is tried next.

In: `TARGET INPUTS FOLDER SEED`. Out: FOLDER/TARGET-atheris.json. A process of its own: libFuzzer ends it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["rftctl"], enable_loader_override=False):
    from tests.fuzz.targets import CHECKS
from tests.fuzz.material import seeds, spoil, words
from tests.fuzz.watch import MAX_MEMORY_MB, Watch

MAX_BYTES = {"jsonl": 1024, "yaml": 1024, "validate": 4096}
"""Length of an input: what many short inputs find, few long ones do not."""
_SPOILED_SHARE = 0.5


def main() -> None:
    """Run until the number of inputs is reached."""
    target, inputs, folder, seed = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    watch, check = Watch(f"{target}-atheris", folder), CHECKS[target]

    def try_one(data: bytes) -> None:
        watch(data, check)
        if watch.figures.n_inputs == inputs:
            watch.finish()

    def mutate(data: bytes, max_size: int, mutation_seed: int) -> bytes:
        random = Random(mutation_seed)
        if random.random() < _SPOILED_SHARE:
            return spoil(target, data, random)[:max_size]
        return bytes(atheris.Mutate(data, max_size))

    options = _options(target, inputs, folder, seed)
    atheris.Setup([sys.argv[0], *options], try_one, custom_mutator=mutate)
    atheris.Fuzz()


def _options(target: str, inputs: int, folder: Path, seed: int) -> list[str]:
    corpus, dictionary = folder / f"{target}-corpus", folder / f"{target}.dict"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(seeds(target)):
        (corpus / f"seed-{number:03}").write_bytes(data[: MAX_BYTES[target]])
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in words(target) if len(word) < 64)
    dictionary.write_text("".join(f'"{word}"\n' for word in escaped))
    limits = [
        f"-runs={inputs}",
        f"-max_len={MAX_BYTES[target]}",
        f"-rss_limit_mb={MAX_MEMORY_MB}",
        "-timeout=60",
    ]
    # libFuzzer rereads its corpus folder as other processes would fill it; nobody does.
    quiet = ["-verbosity=0", "-print_final_stats=0", "-reload=0", f"-artifact_prefix={folder}/{target}-"]
    return [*limits, *quiet, f"-seed={seed}", f"-dict={dictionary}", str(corpus)]


if __name__ == "__main__":
    main()
