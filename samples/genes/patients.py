"""The full task: a patient drawn from a disease's annotations, made harder by noise.

In: a random generator, the ontology, the genes of one split. Out: rows whose answer is one gene. Orphanet's
frequencies decide which findings are drawn. Noise that is ours: broader terms in place of findings, two
unrelated findings, absent findings of look-alike diseases (`source: synthetic`; Orphanet's own say so).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hpo import PHENOTYPIC_ABNORMALITY, Disease, Hpo

if TYPE_CHECKING:
    import random

MIN_FINDINGS = 8
N_UNRELATED, N_ABSENT, N_LOOKALIKES = 2, 2, 8
# Tier -> findings of the disease, how many of them are given as a broader term, whether absent ones are told.
TIERS = {1: (6, 0, False), 2: (6, 3, False), 3: (5, 3, False), 4: (5, 3, True)}
# A broader term must still say something: at least this much information, in nats.
LEAST_INFORMATION = 1.5
CREDITS = [1.0, 0.6, 0.6, 0.6, 0.6, 0.3, 0.3, 0.3, 0.3, 0.3]
_TRIES = 60

ASK = (
    "Which gene is it? Terms are from the Human Phenotype Ontology; some are broader than what the patient "
    "has, and two findings have nothing to do with the disease. Rank up to 10 genes by their HGNC symbols, "
    "the likeliest first. In at most 600 characters, explain the first: name it and the findings that it "
    "accounts for, in the words above; no other findings, no other gene. Reply with JSON only: "
    '{"genes": ["..."], "explanation": "..."}.'
)

Row = dict[str, Any]


class NothingToDrawError(Exception):
    """A disease has not enough findings that fit together."""


@dataclass(frozen=True)
class Patient:
    """What a patient has, has not, and what was added: terms, broader term -> the finding it stands for."""

    own: list[str]
    broader: dict[str, str]
    unrelated: list[str]
    absent: dict[str, str]


def draw_rows(rng: random.Random, hpo: Hpo, genes: list[str], n_rows: int) -> list[Row]:
    """Draw one row for each gene until there are enough, the tiers in turn."""
    rows: list[Row] = []
    for gene in genes:
        diseases = [d for d in hpo.diseases if d.gene == gene and len(d.findings) >= MIN_FINDINGS]
        tier = 1 + len(rows) % len(TIERS)
        try:
            rows.append(draw_row(rng, hpo, rng.choice(diseases), tier))
        except NothingToDrawError:
            continue
        if len(rows) == n_rows:
            rng.shuffle(rows)
            return rows
    raise SystemExit(f"only {len(rows)} of {n_rows} rows could be drawn")


def draw_row(rng: random.Random, hpo: Hpo, disease: Disease, tier: int) -> Row:
    """Draw a patient and lay the row out."""
    n_own, n_broader, with_absent = TIERS[tier]
    for _ in range(_TRIES):
        own = draw_own(rng, hpo, disease, n_own)
        broader = draw_broader(rng, hpo, disease, own, n_broader)
        if len(own) == n_own and len(broader) == n_broader:
            break
    else:
        raise NothingToDrawError
    shown = [*(t for t in own if t not in broader.values()), *broader]
    unrelated = draw_unrelated(rng, hpo, disease, shown)
    absent = draw_absent(rng, hpo, disease, [*shown, *unrelated]) if with_absent else {}
    return lay_out(rng, hpo, disease, tier, Patient(shown, broader, unrelated, absent))


def draw_own(rng: random.Random, hpo: Hpo, disease: Disease, n: int) -> list[str]:
    """Draw findings of a disease by their frequency, none above or below another."""
    pool = dict(disease.findings)
    own: list[str] = []
    while pool and len(own) < n:
        term = rng.choices(list(pool), list(pool.values()))[0]
        del pool[term]
        if is_tellable(hpo, term, disease) and not hpo.is_related(term, frozenset(own)):
            own.append(term)
    return own


def draw_broader(rng: random.Random, hpo: Hpo, disease: Disease, own: list[str], n: int) -> dict[str, str]:
    """Draw a parent for some of the findings, one that is no vague heading and fits beside the others."""
    broader: dict[str, str] = {}
    for term in rng.sample(own, len(own)):
        others = frozenset({*own, *broader} - {term})
        fit = [
            parent
            for parent in hpo.parents[term]
            if PHENOTYPIC_ABNORMALITY in hpo.ancestors[parent]
            and hpo.information.get(parent, 0.0) >= LEAST_INFORMATION
            and is_tellable(hpo, parent, disease)
            and not hpo.is_related(parent, others)
        ]
        if fit and len(broader) < n:
            broader[rng.choice(fit)] = term
    return broader


def draw_unrelated(rng: random.Random, hpo: Hpo, disease: Disease, shown: list[str]) -> list[str]:
    """Draw findings of other diseases that are neither above nor below anything the gene is known for."""
    known = hpo.of_gene[disease.gene].union(shown, disease.absent)
    unrelated: list[str] = []
    for _ in range(_TRIES):
        term = rng.choice(list(rng.choice(hpo.diseases).findings) or [PHENOTYPIC_ABNORMALITY])
        if is_tellable(hpo, term, disease) and not hpo.is_related(term, known.union(unrelated)):
            unrelated.append(term)
        if len(unrelated) == N_UNRELATED:
            return unrelated
    raise NothingToDrawError


def draw_absent(rng: random.Random, hpo: Hpo, disease: Disease, shown: list[str]) -> dict[str, str]:
    """Draw absent findings: Orphanet's own where there are any, else frequent ones of look-alike diseases."""
    here = frozenset(shown)
    told = [t for t in disease.absent if is_tellable(hpo, t, disease) and not hpo.is_related(t, here)]
    absent = dict.fromkeys(rng.sample(told, min(N_ABSENT, len(told))), "Orphanet")
    known = hpo.of_gene[disease.gene] | here
    pool = [
        t for other in look_alikes(hpo, disease, here) for t, chance in other.findings.items() if chance > 0.5
    ]
    rng.shuffle(pool)
    for term in pool:
        if len(absent) == N_ABSENT:
            return absent
        if is_tellable(hpo, term, disease) and not hpo.is_related(term, known.union(absent)):
            absent[term] = "synthetic"
    raise NothingToDrawError


def look_alikes(hpo: Hpo, disease: Disease, shown: frozenset[str]) -> list[Disease]:
    """Return the diseases of other genes that share most of what is told."""
    given = hpo.closure(shown)
    others = [d for d in hpo.diseases if d.gene != disease.gene]
    return sorted(
        others, key=lambda d: -sum(hpo.information.get(t, 0.0) for t in sorted(given & hpo.closures[d.orpha]))
    )[:N_LOOKALIKES]


def is_tellable(hpo: Hpo, term: str, disease: Disease) -> bool:
    """Whether a term gives away neither the gene nor the disease by its words."""
    label, name = hpo.labels[term].casefold(), disease.name.casefold()
    words = re.findall(r"[a-z0-9]+", label)
    return term != PHENOTYPIC_ABNORMALITY and disease.gene.casefold() not in words and label not in name


def lay_out(rng: random.Random, hpo: Hpo, disease: Disease, tier: int, patient: Patient) -> Row:
    """Write the prompt and what the grader needs."""
    findings = [
        {"id": t, "label": hpo.labels[t], "role": "broader", "of": patient.broader[t]}
        if t in patient.broader
        else {"id": t, "label": hpo.labels[t], "role": "exact"}
        for t in patient.own
    ]
    findings += [{"id": t, "label": hpo.labels[t], "role": "unrelated"} for t in patient.unrelated]
    rng.shuffle(findings)
    speaking = [f["label"] for f in findings if f["role"] != "unrelated"]
    explanation = f"{disease.gene} accounts for {'; '.join(speaking)}."
    absent = [{"id": t, "label": hpo.labels[t], "source": source} for t, source in patient.absent.items()]
    lines = ["Findings: " + "; ".join(f["label"] for f in findings) + "."]
    lines += ["Absent: " + "; ".join(f["label"] for f in absent) + "."] if absent else []
    return {
        "messages": [{"role": "user", "content": "\n".join(lines) + "\n\n" + ASK}],
        "genes": [disease.gene],
        "explanation": explanation,
        "findings": findings,
        "absent": absent,
        "credits": CREDITS,
        "tier": tier,
        "disease": disease.orpha,
    }
