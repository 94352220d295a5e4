import pytest

from rftctl.dataset import Sample, parse_output
from rftctl.sandbox import choose_sandbox


@pytest.fixture(scope="session")
def sandbox():
    with choose_sandbox() as opened:
        yield opened


@pytest.fixture
def make_sample():
    def make(text="", **fields):
        return Sample(text, parse_output(text), **fields)

    return make
