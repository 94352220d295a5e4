"""How fast a template renders, as a share of a hand-written f-string that checks nothing.

CPU time, alternating in one process, median of rounds. Templates of one and of four variables, a judge's
prompt of the usual length, and two that go below the first key or into a list; jinja2 where it is installed.
"""

from __future__ import annotations

import importlib.util
import re
from typing import TYPE_CHECKING, Any

from rftctl.template import parse_template
from tests.bench._peers import cpu_ratios, say

if TYPE_CHECKING:
    from collections.abc import Callable

N = 20_000
AIM = 0.7
ITEM: dict[str, Any] = {
    "question": "What is the capital of France, and since when?",
    "answer": "Paris, since 987",
    "level": "easy",
    "meta": {"level": "easy"},
    "notes": ["first", "second"],
}
SAMPLE: dict[str, Any] = {"output_text": "The capital is Paris; Hugh Capet made it so in 987. " * 6}
RULES = (
    "You compare an answer with a reference. Judge its substance, never its wording or its length, and "
    "think step by step: list what the reference claims, find each claim in the answer, note what "
    "contradicts it, and only then give a number from 0, for an answer that misses everything, to 1, "
    "for one that has it all.\n"
)

TEMPLATES: dict[str, tuple[str, Callable[[Any, Any], str]]] = {
    "one variable": ("{{item.answer}}", lambda i, s: f"{i['answer']}"),
    "four variables": (
        "Q: {{item.question}}\nA: {{item.answer}} ({{item.level}})\nO: {{sample.output_text}}",
        lambda i, s: f"Q: {i['question']}\nA: {i['answer']} ({i['level']})\nO: {s['output_text']}",
    ),
    "judge's prompt, four": (
        RULES + "Q: {{item.question}}\nA: {{item.answer}} ({{item.level}})\nO: {{sample.output_text}}",
        lambda i, s: (
            "You compare an answer with a reference. Judge its substance, never its wording or its length, "
            "and think step by step: list what the reference claims, find each claim in the answer, note "
            "what contradicts it, and only then give a number from 0, for an answer that misses everything, "
            f"to 1, for one that has it all.\nQ: {i['question']}\nA: {i['answer']} ({i['level']})\n"
            f"O: {s['output_text']}"
        ),
    ),
    "four, one of them deeper": (
        "Q: {{item.question}}\nA: {{item.answer}} ({{item.meta.level}})\nO: {{sample.output_text}}",
        lambda i, s: f"Q: {i['question']}\nA: {i['answer']} ({i['meta']['level']})\nO: {s['output_text']}",
    ),
    "two, one in a list": (
        "{{item.notes[1]}}: {{item.answer}}",
        lambda i, s: f"{i['notes'][1]}: {i['answer']}",
    ),
}


def repeated(render: Callable[[Any, Any], str]) -> Callable[[], None]:
    """Make the work of N renderings."""

    def work() -> None:
        for _ in range(N):
            render(ITEM, SAMPLE)

    return work


def jinja(text: str) -> Callable[[Any, Any], str]:
    """Compile the same template with jinja2."""
    from jinja2 import Template

    compiled = Template(re.sub(r"\s*}}", "}}", text), keep_trailing_newline=True)
    return lambda item, sample: compiled.render(item=item, sample=sample)


def main() -> None:
    """Measure and print."""
    has_jinja = importlib.util.find_spec("jinja2") is not None
    for name, (text, by_hand) in TEMPLATES.items():
        ours = parse_template(text).render
        ways = {"f-string": by_hand, "rftctl": ours, **({"jinja2": jinja(text)} if has_jinja else {})}
        assert len({way(ITEM, SAMPLE) for way in ways.values()}) == 1, name
        found = cpu_ratios({way: repeated(render) for way, render in ways.items()}, "f-string")
        rates = ", ".join(
            f"{way} {N / seconds:,.0f}/s ({share:.2f})" for way, (seconds, share) in found.items()
        )
        say(f"{name:26} {rates}   aim >= {AIM}")


if __name__ == "__main__":
    main()
