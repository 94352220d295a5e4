"""What rftctl itself remembers: runs, every step of their launches, their events, evaluations and costs.

In: facts, appended in the order they happened. Out: `Run` views of them.
"""

from rftctl.ledger.book import Ledger
from rftctl.ledger.run import Run
from rftctl.ledger.schema import SCHEMA_VERSION

__all__ = ["SCHEMA_VERSION", "Ledger", "Run"]
