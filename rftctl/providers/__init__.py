"""Providers by name.

In: a provider's name and the user's `Home`. Out: a connected `Provider`.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from rftctl.profiles import load_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.home import Home
    from rftctl.profiles import Profile
    from rftctl.providers.base import Provider


def profile_of(name: str, home: Home) -> Profile:
    """Return what a provider offers; a provider of config.yaml has the profile that it names.

    Raises:
        InvalidInputError: nobody defines this provider.
    """
    own = home.providers.get(name)
    return load_profile(str(own.get("profile", "openai")) if own else name, home.profiles)


def connect(name: str, home: Home, environ: Mapping[str, str] | None = None) -> Provider:
    """Connect to a provider; close it afterwards.

    Raises:
        InvalidInputError: nobody defines this provider.
        ProviderError: its key or address is missing.
        NotOfferedError: it needs an extra that is not installed.
    """
    environ = os.environ if environ is None else environ
    profile = profile_of(name, home)
    module = "compatible" if name in home.providers else name
    provider: Provider = import_module(f"rftctl.providers.{module}").connect(name, profile, home, environ)
    return provider
