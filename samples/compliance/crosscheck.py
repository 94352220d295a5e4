"""Compare the rows' IBANs with python-stdnum, which did not help to make them.

In: python-stdnum in an environment of its own, see README.md. Out: how many IBANs it finds valid and not, and
whether policy.py agrees on each; an IBAN that is not valid must have led to the verdict "block".
Run: python samples/compliance/crosscheck.py
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from policy import is_iban


def main() -> int:
    """Check every IBAN of the full task; exit 1 when one is judged differently."""
    from stdnum import iban as stdnum_iban

    told: Counter[str] = Counter()
    for split in ("train", "validation", "test"):
        for line in (Path(__file__).parent / f"{split}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            for call in row["calls"]:
                if call["name"] != "check_iban":
                    continue
                iban = call["arguments"]["iban"]
                is_valid = stdnum_iban.is_valid(iban)
                is_right = is_valid == is_iban(iban) and (is_valid or row["verdict"] == "block")
                told[f"{'valid' if is_valid else 'not valid'}{'' if is_right else ', told differently'}"] += 1
    print(dict(told))
    return 1 if any("differently" in key for key in told) else 0


if __name__ == "__main__":
    sys.exit(main())
