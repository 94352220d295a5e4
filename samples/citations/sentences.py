"""The easier task: one sentence with one, two or three case citations, to be listed as plain strings.

In: a random generator and a split. Out: the chat turns and the citations of a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from series import PARTIES, SERIES, TEST_ONLY_SERIES, Citation, draw_citation

if TYPE_CHECKING:
    import random

# Tier: 1 one citation, 2 two, 3 three, 4 one or two beside numbers that belong to no case citation.
TIERS = (1, 2, 3, 4)
TIER_WEIGHTS = (16, 40, 22, 22)
PIN_SHARE = 0.4

# Three citations must fit into about 48 tokens of output.
SHORT_SERIES = frozenset(
    name for name in SERIES if len(name) <= len("Cal. 4th") and name not in TEST_ONLY_SERIES
)

# {0}, {1} and {2} are citations; no sentence stands in two splits.
SENTENCES: dict[str, dict[int, tuple[str, ...]]] = {
    "train": {
        1: (
            "The court followed {0}.",
            "Our decision in {0} controls.",
            "Counsel relies chiefly on {0}.",
            "Nothing in {0} suggests otherwise.",
            "As explained in {0}, silence is not consent.",
            "But see {0}.",
            "We are bound by {0}, and we affirm.",
            "The panel in {0} required prompt notice.",
        ),
        2: (
            "See {0}; {1}.",
            "The court followed {0}, not {1}.",
            "Counsel cites {0} and {1}.",
            "{0}, was limited by {1}.",
            "Both {0}, and {1}, were settled.",
            "That was the rule of {0}, until {1}.",
            "Contrast {0}, with the later {1}.",
            "The judge distinguished {0} and {1}.",
        ),
        3: (
            "See {0}; {1}; {2}.",
            "Counsel cites {0}, {1}, and {2}.",
            "We follow {0} and {1}, not {2}.",
            "{0}, and {1}, survive {2}.",
            "The rule of {0} was narrowed in {1} and {2}.",
        ),
    },
    "validation": {
        1: (
            "The parties agree that {0} governs.",
            "Appellant asks us to overrule {0}.",
            "We said so in {0}.",
        ),
        2: (
            "Appellant invokes {0}; the state, {1}.",
            "We read {0} together with {1}.",
            "After {0} came {1}.",
        ),
        3: ("The parties debate {0}, {1}, and {2}.", "{0}; {1}; {2} (all agreeing)."),
    },
    "test": {
        1: (
            "The state's brief does not mention {0}.",
            "That argument fails under {0}.",
            "Accord {0} (same).",
            "We find {0} persuasive.",
            "The leading authority is {0}.",
            "Later panels have narrowed {0}.",
        ),
        2: (
            "Accord {0}; {1}.",
            "The rule began with {0} and ended with {1}.",
            "Neither {0} nor {1} helps the carrier.",
            "We find {0} more persuasive than {1}.",
            "Later, {0} was read in light of {1}.",
        ),
        3: (
            "Accord {0}; {1}; {2}.",
            "Neither {0}, nor {1}, nor {2} is to the contrary.",
            "First came {0}, next {1}, and last {2}.",
        ),
    },
}
BESIDE: dict[str, dict[int, tuple[str, ...]]] = {
    "train": {
        1: (
            "Under {statute}, as read in {0}, the claim is late.",
            "The appeal (No. {docket}) turns on {0}.",
            "He admitted it, R. at {record}, and {0} ends the matter.",
            "On {date}, the court applied {0}.",
            "The jury awarded {money}, more than {0} allows.",
        ),
        2: (
            "Under {statute}, see {0}; {1}.",
            "The appeal (No. {docket}) turns on {0} and {1}.",
            "On {date}, the court chose {0} over {1}.",
        ),
    },
    "validation": {
        1: ("The indictment cites {statute}, but {0} asks for more.", "By order of {date}, {0} was applied."),
        2: ("A fee of {money} is modest beside {0} and {1}.", "Docket entry {record} names {0} and {1}."),
    },
    "test": {
        1: (
            "Jurisdiction exists under {statute}; see {0}.",
            "In No. {docket}, the petitioner invokes {0}.",
            "A penalty of {money} was upheld in {0}.",
            "The policy lapsed on {date}, and {0} bars revival.",
        ),
        2: (
            "At Tr. {record}, the judge compared {0} with {1}.",
            "Both {0} and {1} construe {statute}.",
            "Since {date}, we follow {0} and {1}.",
        ),
    },
}
STATUTES = ("28 U.S.C. § 1331", "42 U.S.C. § 1983", "11 U.S.C. § 362", "18 U.S.C. § 924", "5 U.S.C. § 552")
MONTHS = ("January", "March", "May", "June", "August", "October", "December")

# Worked examples as earlier turns of the chat: a small model follows them far better than an instruction.
EXAMPLES = (
    ("We follow Doe v. Roe, 61 Cal. 2d 402, 409 (1964).", '{"citations": ["61 Cal. 2d 402"]}'),
    (
        "See Poe v. Moe, 112 S. Ct. 2608 (1992); Loe v. Hoe, 9 F.3d 1173 (5th Cir. 1993).",
        '{"citations": ["112 S. Ct. 2608", "9 F.3d 1173"]}',
    ),
)
EXAMPLE_VOLUMES = (("Cal. 2d", "61"), ("S. Ct.", "112"), ("F.3d", "9"))


def draw(rng: random.Random, split: str) -> tuple[str, list[Citation], int]:
    """Draw a sentence, its citations in their order, and its tier."""
    tier = rng.choices(TIERS, TIER_WEIGHTS)[0]
    n_citations = rng.choice((1, 2, 2)) if tier == 4 else tier
    names = [name for name in PARTIES[split] if " " not in name]
    people = rng.sample(names, 2 * n_citations)
    among = SHORT_SERIES if n_citations == 3 else None
    cited = [
        draw_citation(rng, split, (first, second), among)
        for first, second in zip(people[::2], people[1::2], strict=True)
    ]
    pattern = rng.choice((BESIDE if tier == 4 else SENTENCES)[split][n_citations])
    return pattern.format(*(printed(rng, one) for one in cited), **numbers(rng)), cited, tier


def printed(rng: random.Random, citation: Citation) -> str:
    """Write a citation as a brief would, often with a pin cite."""
    pin = f", {int(citation.page) + rng.randint(1, 24)}" if rng.random() < PIN_SHARE else ""
    where = f"{citation.court} {citation.year}" if citation.named else citation.year
    return f"{citation.case}, {citation.plain}{pin} ({where})"


def numbers(rng: random.Random) -> dict[str, str]:
    """Draw what may stand beside a citation without being one."""
    return {
        "statute": rng.choice(STATUTES),
        "docket": f"{rng.randint(1, 24):02d}-{rng.randint(100, 2999)}",
        "record": str(rng.randint(12, 940)),
        "date": f"{rng.choice(MONTHS)} {rng.randint(1, 28)}, {rng.randint(1986, 2025)}",
        "money": f"${rng.randint(2, 990)},{rng.randint(0, 9) * 100:03d}",
    }


def messages_of(sentence: str) -> list[dict[str, str]]:
    """Put the worked examples before the sentence."""
    turns = [
        {"role": role, "content": content}
        for pair in EXAMPLES
        for role, content in zip(("user", "assistant"), pair, strict=True)
    ]
    return [*turns, {"role": "user", "content": sentence}]
