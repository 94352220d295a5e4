"""Where rftctl keeps its state on this machine, and what its user configured there.

In: the environment and `config.yaml`. Out: `Home`. A spec is untrusted: judges' hosts, the names of key
variables and custom providers come only from this file or from flags, and a spec merely names them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rftctl.errors import InvalidInputError, StorageError
from rftctl.finding import Finding, Level
from rftctl.redaction import learn_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.strict_yaml import YamlDocument

_SECTIONS = {
    "judges": {"base_url", "api_key_env", "model"},
    "providers": {"base_url", "api_key_env", "profile"},
}


@dataclass(frozen=True, slots=True)
class Home:
    """The user's state folder and configuration.

    Attributes:
        judges: name -> base_url, api_key_env, model.
        providers: name -> base_url, api_key_env, profile (the built-in provider it behaves like).
    """

    path: Path
    judges: dict[str, dict[str, Any]] = field(default_factory=dict)
    providers: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.path / "ledger.sqlite"

    @property
    def service(self) -> Path:
        """The embedded service's folder."""
        return self.path / "local"

    @property
    def cache(self) -> Path:
        """What can be made again: converted weights, probe results."""
        return self.path / "cache"

    @property
    def profiles(self) -> Path | None:
        """The user's own provider facts, if there are any."""
        path = self.path / "profiles.yaml"
        return path if path.exists() else None


def open_home(environ: Mapping[str, str] | None = None) -> Home:
    """Find and make the state folder (`RFTCTL_HOME`, else the user's) and read its configuration.

    Raises:
        StorageError: the folder cannot be made.
        InvalidInputError: config.yaml is broken.
    """
    environ = os.environ if environ is None else environ
    path = Path(environ["RFTCTL_HOME"]) if environ.get("RFTCTL_HOME") else _default_path()
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"state folder '{path}' cannot be made: {error.strerror}", "set RFTCTL_HOME"
        ) from error
    config = path / "config.yaml"
    home = _read_config(path, config) if config.exists() else Home(path)
    entries = (*home.judges.values(), *home.providers.values())
    learn_environment(
        environ, tuple(str(entry["api_key_env"]) for entry in entries if entry.get("api_key_env"))
    )
    return home


def _default_path() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("rftctl", appauthor=False))


def _read_config(path: Path, config: Path) -> Home:
    from rftctl.strict_yaml import read_yaml

    document = read_yaml(config)
    value = {} if document.value is None else document.value
    if not isinstance(value, dict):
        finding = Finding(
            "RFT150", Level.ERROR, document.place(), "config.yaml is no mapping", "known: judges, providers"
        )
        raise InvalidInputError("config.yaml is not valid", findings=[finding])
    findings = [
        Finding(
            "RFT150",
            Level.ERROR,
            document.place(key, of_key=True),
            f"unknown section '{key}'",
            "known: judges, providers",
        )
        for key in value
        if key not in _SECTIONS
    ]
    for section in _SECTIONS:
        findings += _check_section(document, section, value.get(section) or {})
    if findings:
        raise InvalidInputError("config.yaml is not valid", findings=findings)
    return Home(path, judges=dict(value.get("judges") or {}), providers=dict(value.get("providers") or {}))


def _check_section(document: YamlDocument, section: str, entries: Any) -> list[Finding]:
    if not isinstance(entries, dict):
        message, hint = f"'{section}' must map names to settings", "write NAME: {base_url: ...}"
        return [Finding("RFT150", Level.ERROR, document.place(section), message, hint)]
    findings = []
    for name, settings in entries.items():
        place = document.place(section, name)
        if not isinstance(settings, dict) or not isinstance(settings.get("base_url"), str):
            findings.append(
                Finding("RFT150", Level.ERROR, place, f"'{name}' needs a base_url", "add `base_url:`")
            )
            continue
        findings += _check_entry(document, section, name, settings)
    return findings


def _check_entry(document: YamlDocument, section: str, name: str, settings: dict[str, Any]) -> list[Finding]:
    known = _SECTIONS[section]
    findings = []
    for key, value in settings.items():
        place = document.place(section, name, key)
        if key not in known:
            place = document.place(section, name, key, of_key=True)
            hint = f"known: {', '.join(sorted(known))}"
            findings.append(Finding("RFT150", Level.ERROR, place, f"unknown key '{key}'", hint))
        elif value is not None and not isinstance(value, str):
            findings.append(
                Finding("RFT150", Level.ERROR, place, f"'{key}' must be text", "put it in quotes")
            )
    return findings
