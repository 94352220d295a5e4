import re


def grade(sample, item):
    wanted = set(item["codes"])
    given = set(re.findall(r"[A-Z][0-9]{2}(?:\.[0-9]+)?", sample["output_text"]))
    if not wanted and not given:
        return 1.0
    return 2 * len(wanted & given) / (len(wanted) + len(given))
