"""Write the rows of the quickstart sample: one case citation in one sentence, and its three parts.

In: reporters-db and courts-db (pinned in PACKAGES), the tables and passages below, one seed.
Out: train, validation, validation-quick and test rows as JSON Lines, and manifest.json.

    python -m venv build-env && build-env/bin/pip install reporters-db==3.2.67 courts-db==0.10.27
    build-env/bin/python samples/quickstart/build.py            # write the files
    build-env/bin/python samples/quickstart/build.py --check    # rebuild elsewhere and compare

Truth is by construction: a citation is drawn first and the sentence is written around it.
No passage, party, or volume of a reporter stands in two splits.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from building import build_sample

SEED = 20261122
PACKAGES = {"reporters-db": "3.2.67", "courts-db": "0.10.27"}
SIZES = {"train": 320, "validation": 100, "test": 200}
QUICK_ROWS = 24
SPLITS = tuple(SIZES)
TIERS = ("plain", "pin", "distractor", "variant")
TIER_WEIGHTS = (35, 25, 25, 15)

# Series: years the series ran (narrower than reporters-db where that is open-ended or wrong),
# its volumes over those years, the last page of a typical volume, and who writes in it.
SERIES: dict[str, tuple[int, int, int, int, int, str]] = {
    "F.2d": (1935, 1992, 75, 980, 1500, "circuit"),
    "F.3d": (1994, 2020, 12, 980, 1400, "circuit"),
    "F.4th": (2022, 2025, 22, 135, 1350, "circuit"),
    "F. Supp.": (1940, 1987, 30, 675, 1500, "district"),
    "F. Supp. 2d": (1999, 2013, 30, 985, 1400, "district"),
    "F. Supp. 3d": (2015, 2025, 80, 760, 1400, "district"),
    "B.R.": (1980, 2025, 3, 665, 990, "bankruptcy"),
    "Fed. Cl.": (1993, 2025, 27, 175, 850, "claims"),
    "T.C.": (1950, 2024, 14, 163, 1200, "tax"),
    "U.S.": (1900, 2020, 176, 591, 960, ""),
    "S. Ct.": (1920, 2023, 40, 143, 2400, ""),
    "A.2d": (1940, 2009, 10, 985, 1300, "atlantic"),
    "A.3d": (2011, 2025, 15, 330, 1280, "atlantic"),
    "N.E.2d": (1938, 2012, 10, 980, 1290, "northeast"),
    "N.E.3d": (2014, 2025, 5, 255, 1250, "northeast"),
    "N.W.2d": (1943, 2022, 8, 985, 960, "northwest"),
    "P.2d": (1935, 1999, 45, 985, 1390, "pacific"),
    "P.3d": (2001, 2025, 15, 565, 1290, "pacific"),
    "S.E.2d": (1941, 2024, 10, 905, 960, "southeast"),
    "So. 2d": (1945, 2007, 20, 975, 1380, "southern"),
    "So. 3d": (2009, 2025, 5, 400, 1350, "southern"),
    "S.W.2d": (1932, 1998, 45, 985, 990, "southwest"),
    "S.W.3d": (2000, 2025, 10, 710, 960, "southwest"),
    "Cal. 3d": (1970, 1990, 2, 54, 1200, ""),
    "Cal. 4th": (1992, 2015, 2, 63, 1350, ""),
    "N.Y.2d": (1957, 2003, 3, 100, 1050, ""),
    "Ill. 2d": (1955, 2010, 5, 242, 620, ""),
    "Mass.": (1900, 2024, 175, 494, 880, ""),
    "Ohio St. 3d": (1992, 2020, 62, 162, 640, ""),
    "Wash. 2d": (1940, 2022, 3, 200, 990, ""),
    "Mich.": (1900, 2020, 122, 506, 780, ""),
    "N.J.": (1950, 2024, 4, 258, 640, ""),
    "Wis. 2d": (1960, 2022, 9, 404, 880, ""),
    "Or.": (1900, 2024, 37, 372, 780, ""),
    "Neb.": (1900, 2024, 60, 317, 1010, ""),
    "Va.": (1900, 2024, 98, 303, 940, ""),
    "Cal. App. 4th": (1992, 2015, 2, 246, 1750, ""),
    "Mass. App. Ct.": (1975, 2024, 3, 104, 980, ""),
}
TEST_ONLY_SERIES = frozenset({"So. 3d", "Fed. Cl.", "Wash. 2d", "N.W.2d", "Neb."})

# Ids of courts-db; the abbreviation in the sentence is its citation_string.
COURTS: dict[str, tuple[str, ...]] = {
    "circuit": ("ca1", "ca2", "ca3", "ca4", "ca5", "ca6", "ca7", "ca8", "ca9", "ca10", "ca11", "cadc"),
    "district": (
        "nysd",
        "cand",
        "txsd",
        "ilnd",
        "paed",
        "flsd",
        "gand",
        "ohsd",
        "mied",
        "vaed",
        "alnd",
        "ksd",
    ),
    "bankruptcy": ("deb", "nysb", "txsb", "cacb", "ilnb"),
    "claims": ("",),
    "tax": ("",),
    "atlantic": ("conn", "del", "me", "nh", "pa", "ri", "vt"),
    "northeast": ("ind", "mass", "ohio", "ill"),
    "northwest": ("iowa", "mich", "minn", "neb", "nd", "sd", "wis"),
    "pacific": ("ariz", "colo", "kan", "mont", "nev", "or", "utah", "wash"),
    "southeast": ("ga", "nc", "sc", "va"),
    "southern": ("ala", "fla", "la", "miss"),
    "southwest": ("ark", "ky", "mo", "tenn", "tex"),
}

# Spellings met in briefs; each must be a variation that reporters-db maps to the series.
VARIANTS: dict[str, tuple[str, ...]] = {
    "F.2d": ("F. 2d", "F 2d"),
    "F.3d": ("F. 3d", "F3d"),
    "F.4th": ("F. 4th", "F4th"),
    "F. Supp.": ("F.Supp.", "F Supp"),
    "F. Supp. 2d": ("F.Supp.2d", "F. Supp.2d"),
    "F. Supp. 3d": ("F.Supp.3d", "F.Supp. 3d"),
    "U.S.": ("U. S.", "US"),
    "S. Ct.": ("S.Ct.", "S Ct"),
    "A.2d": ("A. 2d", "A2d"),
    "A.3d": ("A. 3d",),
    "N.E.2d": ("N. E. 2d", "NE2d"),
    "N.E.3d": ("N. E. 3d", "NE3d"),
    "N.W.2d": ("N. W. 2d", "N.W. 2d"),
    "P.2d": ("P. 2d", "P 2d"),
    "P.3d": ("P. 3d", "P3d"),
    "S.E.2d": ("S. E. 2d", "S.E. 2d"),
    "So. 3d": ("So.3d",),
    "S.W.2d": ("S. W. 2d", "S.W. 2d"),
    "S.W.3d": ("S. W. 3d", "S.W. 3d"),
    "Cal. 3d": ("Cal.3d",),
    "Cal. 4th": ("Cal.4th",),
    "N.Y.2d": ("N.Y. 2d", "NY2d"),
    "Ill. 2d": ("Ill.2d",),
    "Ohio St. 3d": ("Ohio St.3d",),
    "Wash. 2d": ("Wash.2d", "Wn.2d"),
    "Wis. 2d": ("Wis.2d",),
    "Cal. App. 4th": ("Cal.App.4th",),
    "Mass. App. Ct.": ("Mass.App.Ct.",),
}

# Invented parties; a likeness to a reported case is chance.
PARTIES: dict[str, tuple[str, ...]] = {
    "train": (
        "Alder", "Ashgrove", "Barlow", "Beckwith", "Birchall", "Bramwell", "Calloway", "Carrick", "Colby",
        "Danforth", "Drummond", "Eastman", "Ellery", "Fairbank", "Farrow", "Gadsby", "Garrick", "Halden",
        "Harkness", "Ingram", "Jessup", "Kendrick", "Lambeth", "Larkin", "Marlowe", "Merriam", "Norwood",
        "Oakley", "Pemberton", "Quimby", "Redfern", "Sedgwick", "Thackeray", "Upshaw", "Vickers", "Wexford",
        "Bluewater Shipping Co.", "Cedar Mills, Inc.", "Dunmore Savings Bank", "Granite State Lumber Co.",
        "Iron Range Supply Co.", "Lakeview School District", "Orion Freight Lines", "Sterling Glass Works",
    ),
    "validation": (
        "Abernathy", "Blackmore", "Chilton", "Dearborn", "Everhart", "Fenwick", "Goddard", "Hollis",
        "Kirkland", "Lockwood", "Maddox", "Osgood", "Pruitt", "Rutledge", "Summerlin",
        "Amber Valley Dairy", "Kestrel Airways, Inc.", "Pine County Hospital", "Tidewater Cannery Co.",
    ),
    "test": (
        "Ackerly", "Bellamy", "Crowther", "Delafield", "Eldridge", "Fothergill", "Grantham", "Hathaway",
        "Ives", "Jernigan", "Kimbrough", "Langford", "Mayhew", "Nesbitt", "Ormsby", "Prescott",
        "Ransom", "Stroud", "Tillman", "Underhill", "Wainwright", "Yardley",
        "Bayou Gas & Light Co.", "Copper Hill Mining Co.", "Falcon Steel Corp.", "Harbor Point Marina",
        "Meridian Casualty Co.", "Prairie Telephone Co.", "Silver Creek Township", "Westmoor College",
    ),
}  # fmt: skip

# {cite} is the citation. In the distractor tier the other slots carry numbers that are not its parts.
PASSAGES: dict[str, tuple[str, ...]] = {
    "train": (
        "The court followed {cite}.",
        "We are bound by {cite}, and we affirm.",
        "Our decision in {cite} controls here.",
        "Counsel relies chiefly on {cite}.",
        "That rule was settled in {cite}.",
        "See {cite} (collecting cases).",
        "The defendant's reading was rejected in {cite}.",
        "Nothing in {cite} suggests a different result.",
        "As explained in {cite}, silence is not consent.",
        "The trial judge distinguished {cite} on its facts.",
        "But see {cite} (declining to reach the question).",
        "The motion rests on a misreading of {cite}.",
        "We review for abuse of discretion. {cite}.",
        "A contract must be read as a whole, {cite}, and this one is no exception.",
        "The panel in {cite} required prompt notice to the insurer.",
        "Relying on {cite}, the clerk refused the filing.",
    ),
    "validation": (
        "The parties agree that {cite} governs.",
        "Appellant asks us to overrule {cite}.",
        "The same reasoning appears in {cite}.",
        "Compare {cite}, where the lease had expired.",
        "Summary judgment was proper under {cite}.",
        "We said as much in {cite}, and repeat it now.",
    ),
    "test": (
        "The state's brief does not mention {cite}.",
        "That argument fails under {cite}.",
        "The leading authority is {cite}.",
        "Accord {cite} (same).",
        "In {cite}, the jury heard similar testimony.",
        "The standard of proof was set by {cite}.",
        "Later panels have narrowed {cite}.",
        "The carrier's duty is described in {cite}.",
        "We find {cite} persuasive and adopt its test.",
        "Respondent cannot square that view with {cite}.",
        "Damages of this kind were allowed in {cite}.",
        "The magistrate quoted {cite} at length.",
    ),
}
DISTRACTOR_PASSAGES: dict[str, tuple[str, ...]] = {
    "train": (
        "Under {statute}, as read in {cite}, the claim is late.",
        "The appeal (No. {docket}) turns on {cite}.",
        "The witness admitted it, R. at {record}, which ends the matter under {cite}.",
        "On {date}, the district court applied {cite}.",
        "Section {section} of the lease is unlike the clause in {cite}.",
        "The jury awarded {money}, more than {cite} would permit.",
        "Relief under {statute} was denied; see {cite}.",
        "Exhibit {record} was excluded, a ruling in line with {cite}.",
    ),
    "validation": (
        "The indictment cites {statute}, but {cite} requires more.",
        "Docket entry {record} shows that {cite} was never raised.",
        "By order of {date}, the stay was lifted under {cite}.",
        "The fee of {money} is reasonable in light of {cite}.",
    ),
    "test": (
        "Jurisdiction exists under {statute}; see {cite}.",
        "In No. {docket}, the petitioner invokes {cite}.",
        "The transcript (Tr. {record}) shows that the judge had {cite} in mind.",
        "The policy lapsed on {date}, and {cite} bars revival.",
        "A penalty of {money} was upheld on the authority of {cite}.",
        "Rule {section} must be read together with {cite}.",
    ),
}
STATUTES = (
    "28 U.S.C. § 1331", "42 U.S.C. § 1983", "11 U.S.C. § 362", "29 U.S.C. § 621", "18 U.S.C. § 924",
    "15 U.S.C. § 78", "26 U.S.C. § 7201", "5 U.S.C. § 552", "35 U.S.C. § 103", "8 U.S.C. § 1158",
)  # fmt: skip
MONTHS = ("January", "March", "May", "June", "August", "October", "December")

# Worked examples as earlier turns of the chat: a small model follows them far better than an instruction.
EXAMPLES = (
    (
        "See Poe v. Moe, 112 S. Ct. 2608, 2611 (1992).",
        '{"volume": "112", "reporter": "S. Ct.", "page": "2608"}',
    ),
    (
        "We follow Doe v. Roe, 61 Cal. 2d 402 (1964).",
        '{"volume": "61", "reporter": "Cal. 2d", "page": "402"}',
    ),
)
EXAMPLE_VOLUMES = (("S. Ct.", "112"), ("Cal. 2d", "61"))


@dataclass(frozen=True)
class Citation:
    """One case citation: its parts, the reporter in its standard form, and the court and parties."""

    volume: str
    reporter: str
    page: str
    year: str
    court: str
    case: str

    def printed(self, *, reporter: str, pin: str) -> str:
        """Write the citation as a brief would, with this spelling of the reporter and this pin cite."""
        where = f"{self.court} {self.year}".strip()
        return f"{self.case}, {self.volume} {reporter} {self.page}{pin} ({where})"


@dataclass
class Used:
    """What other splits may not use again; the worked examples' volumes are taken from the start."""

    volumes: dict[tuple[str, str], str] = field(
        default_factory=lambda: dict.fromkeys(EXAMPLE_VOLUMES, "examples")
    )

    def claim(self, citation: Citation, split: str) -> bool:
        """Reserve the volume of the reporter for a split; False when another split has it."""
        key = (citation.reporter, citation.volume)
        return self.volumes.setdefault(key, split) == split


def build() -> dict[str, list[dict[str, object]]]:
    """Draw every split; no volume of a reporter stands in two of them."""
    courts = court_names()
    check_tables()
    used = Used()
    files = {split: build_rows(split, courts, used) for split in SPLITS}
    files["validation-quick"] = files["validation"][:QUICK_ROWS]
    return files


def build_rows(split: str, courts: dict[str, str], used: Used) -> list[dict[str, object]]:
    """Draw the rows of one split; a text never occurs twice."""
    rng = random.Random(f"{SEED}-{split}")
    rows: list[dict[str, object]] = []
    texts: set[str] = set()
    while len(rows) < SIZES[split]:
        tier = rng.choices(TIERS, TIER_WEIGHTS)[0]
        citation = draw_citation(rng, split, tier, courts)
        text = write_text(rng, split, tier, citation)
        if text in texts or not used.claim(citation, split):
            continue
        texts.add(text)
        rows.append(row_of(text, tier, citation))
    return rows


def row_of(text: str, tier: str, citation: Citation) -> dict[str, object]:
    """Lay out one row: the prompt, then the reference fields the grader reads."""
    messages = [
        {"role": role, "content": content}
        for pair in EXAMPLES
        for role, content in zip(("user", "assistant"), pair, strict=True)
    ]
    messages.append({"role": "user", "content": text})
    answer = {"volume": citation.volume, "reporter": citation.reporter, "page": citation.page}
    return {"messages": messages, "citation": answer, "tier": TIERS.index(tier) + 1}


def draw_citation(rng: random.Random, split: str, tier: str, courts: dict[str, str]) -> Citation:
    """Draw a citation whose reporter, year, volume and court fit together."""
    series = [
        name
        for name in SERIES
        if (split == "test" or name not in TEST_ONLY_SERIES) and (tier != "variant" or name in VARIANTS)
    ]
    reporter = rng.choice(series)
    first_year, last_year, first_volume, last_volume, last_page, group = SERIES[reporter]
    year = rng.randint(first_year, last_year)
    progress = (year - first_year + rng.random()) / (last_year - first_year + 1)
    volume = round(first_volume + progress * (last_volume - first_volume))
    first, second = rng.sample(PARTIES[split], 2)
    return Citation(
        volume=str(volume),
        reporter=reporter,
        page=str(rng.randint(3, last_page)),
        year=str(year),
        court=courts[rng.choice(COURTS[group])] if group else "",
        case=f"{first} v. {second}",
    )


def write_text(rng: random.Random, split: str, tier: str, citation: Citation) -> str:
    """Write the sentence around the citation."""
    reporter = rng.choice(VARIANTS[citation.reporter]) if tier == "variant" else citation.reporter
    pin = pin_cite(rng, int(citation.page)) if tier == "pin" else ""
    passages = DISTRACTOR_PASSAGES if tier == "distractor" else PASSAGES
    return rng.choice(passages[split]).format(
        cite=citation.printed(reporter=reporter, pin=pin),
        statute=rng.choice(STATUTES),
        docket=f"{rng.randint(1, 24):02d}-{rng.randint(100, 2999)}",
        record=rng.randint(12, 940),
        date=f"{rng.choice(MONTHS)} {rng.randint(1, 28)}, {int(citation.year) + rng.randint(1, 4)}",
        section=rng.randint(2, 60),
        money=f"${rng.randint(2, 990)},{rng.randint(0, 9) * 100:03d}",
    )


def pin_cite(rng: random.Random, page: int) -> str:
    """Point at a later page or pages of the same opinion."""
    start = page + rng.randint(1, 24)
    if rng.random() < 0.5:
        return f", {start}"
    end = start + rng.randint(1, 3)
    # Briefs drop the digits that repeat: 245-47, but 199-201.
    return f", {start}-{end % 100:02d}" if end // 100 == start // 100 else f", {start}-{end}"


def court_names() -> dict[str, str]:
    """Look up the abbreviation of every court that COURTS names."""
    from courts_db import courts

    names = {court["id"]: court["citation_string"] for court in courts}
    wanted = {court_id for group in COURTS.values() for court_id in group}
    missing = sorted(court_id for court_id in wanted if court_id and not names.get(court_id))
    if missing:
        sys.exit(f"courts-db has no abbreviation for {missing}")
    return {court_id: names[court_id] if court_id else "" for court_id in wanted}


def check_tables() -> None:
    """Check SERIES and VARIANTS against reporters-db: editions, their years, their spellings."""
    from reporters_db import REPORTERS

    editions: dict[str, list[tuple[int, int, dict[str, str]]]] = {}
    for reporters in REPORTERS.values():
        for reporter in reporters:
            for name, dates in reporter["editions"].items():
                start = dates["start"].year if dates["start"] else 9999
                end = dates["end"].year if dates["end"] else 9999
                editions.setdefault(name, []).append((start, end, reporter["variations"]))
    for name, (first_year, last_year, *_rest) in SERIES.items():
        fitting = [v for start, end, v in editions.get(name, []) if start <= first_year and last_year <= end]
        if not fitting:
            sys.exit(f"reporters-db has no {name!r} that ran from {first_year} to {last_year}")
        for spelling in VARIANTS.get(name, ()):
            if not any(variations.get(spelling) == name for variations in fitting):
                sys.exit(f"reporters-db does not know {spelling!r} as a spelling of {name!r}")


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
