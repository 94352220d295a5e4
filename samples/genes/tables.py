"""The easier task: a small table of candidate genes, and a patient with one of their findings.

In: a random generator, the ontology, the genes of one split. Out: rows whose answer names the finding, its
gene, and the gene first in the ranking. The table stands in the prompt in random order, so no line wins.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

    from hpo import Hpo

MAX_SYMBOL, MAX_LABEL, LEAST_CHANCE = 6, 26, 0.5
# Tier -> lines of the table. Tier 3 tells an absent finding of another line, tier 4 an unrelated one beside.
LINES = {1: 3, 2: 5, 3: 4, 4: 4}
CREDITS = [1.0, 0.3, 0.1]
_TRIES = 60

Row = dict[str, Any]
Table = list[tuple[str, str]]

SYSTEM = (
    'Find the line of the finding. Reply with JSON: {"explanation": "finding -> gene", "genes": ["gene"]}.'
)
EXAMPLES = (
    ("Myopia -> COL9A1\nAtaxia -> FXN\nAnemia -> HBB\nAbsent: Anemia\nPatient: Ataxia", "Ataxia", "FXN"),
    ("Goiter -> TPO\nKyphosis -> GBA1\nFever -> MEFV\nPatient: Rickets, Goiter", "Goiter", "TPO"),
)


def draw_rows(rng: random.Random, hpo: Hpo, genes: list[str], n_rows: int) -> list[Row]:
    """Draw one row for each gene until there are enough, the tiers in turn."""
    short = short_findings(hpo, genes)
    rows: list[Row] = []
    for gene in rng.sample(sorted(short), len(short)):
        tier = 1 + len(rows) % len(LINES)
        terms = draw_apart(rng, hpo, short, gene, LINES[tier] + (tier == 4))
        rows += [draw_row(rng, hpo, terms, tier)] if terms else []
        if len(rows) == n_rows:
            rng.shuffle(rows)
            return rows
    raise SystemExit(f"only {len(rows)} of {n_rows} rows could be drawn")


def short_findings(hpo: Hpo, genes: list[str]) -> dict[str, list[str]]:
    """Gene -> its frequent findings with short names; genes with long symbols are left out."""
    short: dict[str, list[str]] = {}
    shown = {term for text, _, _ in EXAMPLES for term in words_of(text)}
    for disease in hpo.diseases:
        if disease.gene in genes and len(disease.gene) <= MAX_SYMBOL and disease.gene not in shown:
            terms = [t for t, c in disease.findings.items() if c >= LEAST_CHANCE]
            terms = [t for t in terms if len(hpo.labels[t]) <= MAX_LABEL and "," not in hpo.labels[t]]
            if terms:
                short.setdefault(disease.gene, []).extend(terms)
    return short


def words_of(text: str) -> list[str]:
    """Return the words of an example."""
    return text.replace(",", " ").split()


def draw_row(rng: random.Random, hpo: Hpo, terms: Table, tier: int) -> Row:
    """Put the lines in random order and choose what to say about the patient."""
    beside = [terms.pop()] if tier == 4 else []
    table = rng.sample(terms, len(terms))
    absent = rng.choice(terms[1:])[1] if tier == 3 else None
    return lay_out(rng, hpo, table, terms[0], tier, absent, [term for _, term in beside])


def draw_apart(rng: random.Random, hpo: Hpo, short: dict[str, list[str]], gene: str, n: int) -> Table:
    """Draw lines, each true of its own gene alone; none where a gene is known for nearly everything."""
    others = sorted(short)
    for _ in range(_TRIES):
        lines = [(gene, rng.choice(short[gene]))]
        for _ in range(_TRIES):
            other = rng.choice(others)
            line = (other, rng.choice(short[other]))
            if other not in dict(lines) and all(is_apart(hpo, line, known) for known in lines):
                lines.append(line)
            if len(lines) == n:
                return lines
    return []


def is_apart(hpo: Hpo, one: tuple[str, str], two: tuple[str, str]) -> bool:
    """Whether neither gene is known for the other's finding, nor for one above or below it."""
    (gene, term), (other, known) = one, two
    return not hpo.is_related(term, hpo.of_gene[other]) and not hpo.is_related(known, hpo.of_gene[gene])


def lay_out(
    rng: random.Random,
    hpo: Hpo,
    table: Table,
    right: tuple[str, str],
    tier: int,
    absent: str | None,
    beside: list[str],
) -> Row:
    """Write the table, the patient, and what the grader needs."""
    gene, term = right
    has = rng.sample([term, *beside], 1 + len(beside))
    told = ["Patient: " + ", ".join(hpo.labels[t] for t in has)]
    told += [f"Absent: {hpo.labels[absent]}"] if absent else []
    lines = [f"{hpo.labels[t]} -> {candidate}" for candidate, t in table] + rng.sample(told, len(told))
    findings = [{"id": term, "label": hpo.labels[term], "role": "exact"}]
    findings += [
        {"id": t, "label": hpo.labels[t], "role": "unrelated"}
        for t in [*(t for _, t in table if t != term), *beside]
    ]
    turns = [("system", SYSTEM)]
    turns += [
        turn for text, own, answer in EXAMPLES for turn in (("user", text), ("assistant", say(own, answer)))
    ]
    return {
        "messages": [{"role": r, "content": c} for r, c in [*turns, ("user", "\n".join(lines))]],
        "genes": [gene],
        "explanation": f"{hpo.labels[term]} -> {gene}",
        "findings": findings,
        "candidates": [candidate for candidate, _ in table],
        "credits": CREDITS,
        "tier": tier,
    }


def say(finding: str, gene: str) -> str:
    """Write the answer: the explanation first, since reading the line off it is what leads to the gene."""
    return json.dumps({"explanation": f"{finding} -> {gene}", "genes": [gene]})
