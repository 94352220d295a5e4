"""Check the images of a row.

In: the `image_url` of a content part, and what a provider takes. Out: `Fault`s RFT229. Nothing is fetched
and nothing decoded as a picture: a data URL must be base64 whose first bytes are those of its type.
"""

from __future__ import annotations

import binascii
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rftctl.dataset.fault import Fault
from rftctl.finding import Level
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.dataset.fault import Path

DETAILS = ("auto", "low", "high")
_DATA_URL = re.compile(r"data:([A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+);base64,")
_HINT = 'write {"url": "data:image/png;base64,..."} or {"url": "https://..."}'
_FIRST_BYTES = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}


@dataclass(frozen=True, slots=True)
class ImageRules:
    """What a provider takes of images; None where no limit is published.

    Attributes:
        types: media types.
        takes_links: it fetches images from the web.
        max_bytes: of one image.
        max_per_row: images in one row.
    """

    types: tuple[str, ...] = ("image/jpeg", "image/png", "image/webp", "image/gif")
    takes_links: bool = True
    max_bytes: int | None = None
    max_per_row: int | None = None


ANY_IMAGE = ImageRules()


def check_image(where: str, image: Any, rules: ImageRules, path: Path) -> Iterator[Fault]:
    """Check one `image_url` value."""
    url = image.get("url") if type(image) is dict else None
    if type(url) is not str or not url:
        yield Fault("RFT229", f"{where}.image_url has no url", _HINT, path=path)
        return
    detail = image.get("detail", "auto")
    if detail not in DETAILS:
        text = f"{where}.image_url.detail '{one_line(str(detail))}' is not known"
        yield Fault("RFT229", text, f"use one of {', '.join(DETAILS)}", path=(*path, "detail"))
    problem, hint = _inline(url, rules) if url[:5].lower() == "data:" else _link(url, rules)
    if problem:
        yield Fault("RFT229", f"{where}.image_url.url {problem}", hint, path=(*path, "url"))
    elif url.startswith("http://"):
        text = f"{where}.image_url.url is not encrypted on its way"
        yield Fault("RFT229", text, "use https://", Level.WARNING, (*path, "url"))


def _inline(url: str, rules: ImageRules) -> tuple[str, str]:
    head = _DATA_URL.match(url[:200])
    if not head:
        return "is no data URL of an image in base64", _HINT
    kind, taken = head[1].lower(), ", ".join(rules.types)
    if kind not in rules.types:
        return f"is of type '{one_line(kind)}'", f"this provider takes: {taken}"
    try:
        data = binascii.a2b_base64(url[head.end() :].encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        return f"is not valid base64: {one_line(str(error)).lower()}", "encode the file again, with padding"
    first_bytes = _FIRST_BYTES.get(kind)
    if first_bytes and not first_bytes.match(data):
        return f"says '{kind}', but its bytes are {_kind(data)}", "name the type that the file has"
    if rules.max_bytes is not None and len(data) > rules.max_bytes:
        return f"has {len(data):,} bytes; the provider takes {rules.max_bytes:,}", "make the image smaller"
    return "", ""


def _kind(data: bytes) -> str:
    return next((kind for kind, start in _FIRST_BYTES.items() if start.match(data)), "no known image")


def _link(url: str, rules: ImageRules) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "is not a URL", _HINT
    if parts.scheme not in ("http", "https") or not host:
        return f"is neither a data URL nor a link: '{one_line(url, limit=40)}'", _HINT
    if not rules.takes_links:
        return (
            "is a link, which this provider does not fetch",
            "put the image itself in: data:image/...;base64,",
        )
    if host == "localhost" or _is_private(host):
        return f"points at '{host}', which the provider cannot reach", "use a public https link or a data URL"
    return "", ""


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
