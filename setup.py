"""Put the samples and their run specs into the wheel, where `rftctl init` finds them.

Everything else about the build stands in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithSamples(build_py):
    """Copies `samples/` and `configs/` into the package as `rftctl/shipped_files/`."""

    def run(self) -> None:
        """Build the package, then copy; an editable install reads them where they lie."""
        super().run()
        if self.editable_mode:
            return
        here, target = Path(__file__).parent, Path(self.build_lib) / "rftctl" / "shipped_files"
        for name in ("samples", "configs"):
            shutil.copytree(
                here / name, target / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )


setup(cmdclass={"build_py": BuildWithSamples})
