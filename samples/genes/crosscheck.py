"""Check every row against two other files of the release, from which no finding was drawn.

In: the rows, genes_to_phenotype.txt, and phenotype_to_genes.txt (ancestors too, but one disease alone for a
gene and an ancestor). Out: counts; exit code 1 where a row says what these files do not.

    build-env/bin/python samples/genes/crosscheck.py
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from hpo import data_folder

HERE = Path(__file__).resolve().parent
FULL = ("train", "validation", "test")
Triples = set[tuple[str, str, str]]


def main() -> int:
    """Print what was checked and what did not hold."""
    direct = read_triples(data_folder() / "genes_to_phenotype.txt")
    propagated = read_triples(data_folder() / "phenotype_to_genes.txt")
    orphanet = {(gene, term) for gene, term, disease in propagated if disease.startswith("ORPHA:")}
    anywhere = {(gene, term) for gene, term, _ in propagated}
    counts: Counter[str] = Counter()
    for name in FULL:
        for row in read_rows(name):
            check_full(row, direct, orphanet, anywhere, counts)
    for name in FULL:
        for row in read_rows(f"local-{name}"):
            check_local(row, orphanet, counts)
    for what, n in sorted(counts.items()):
        print(f"{n:6} {what}")
    return 1 if any(what.startswith("WRONG") for what in counts) else 0


def check_full(
    row: dict[str, Any],
    direct: Triples,
    orphanet: set[tuple[str, str]],
    anywhere: set[tuple[str, str]],
    counts: Counter[str],
) -> None:
    """Count a row's findings by whether the files agree."""
    gene = row["genes"][0]
    for finding in row["findings"]:
        term, role = finding["id"], finding["role"]
        if role == "unrelated":
            is_right = (gene, term) not in orphanet
            counts["unrelated findings that OMIM's annotations give to the gene"] += (gene, term) in anywhere
        else:
            is_right = (gene, term, row["disease"]) in direct if role == "exact" else (gene, term) in anywhere
        counts[f"{'' if is_right else 'WRONG: '}{role} findings"] += 1
    for absent in row["absent"]:
        is_right = (gene, absent["id"]) not in orphanet or absent["source"] == "Orphanet"
        counts[f"{'' if is_right else 'WRONG: '}absent findings, {absent['source']}"] += 1


def check_local(row: dict[str, Any], orphanet: set[tuple[str, str]], counts: Counter[str]) -> None:
    """Count a table's lines by whether the finding is annotated to the right gene alone."""
    for finding in row["findings"]:
        is_right = ((row["genes"][0], finding["id"]) in orphanet) is (finding["role"] == "exact")
        counts[f"{'' if is_right else 'WRONG: '}findings of tables, {finding['role']}"] += 1


def read_triples(path: Path) -> Triples:
    """Read (gene, term, disease)."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {(row["gene_symbol"], row["hpo_id"], row["disease_id"]) for row in rows}


def read_rows(name: str) -> list[dict[str, Any]]:
    """Read the rows of a file."""
    return [json.loads(line) for line in (HERE / f"{name}.jsonl").read_text("utf-8").splitlines()]


if __name__ == "__main__":
    sys.exit(main())
