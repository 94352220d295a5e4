"""Images of a row."""

from __future__ import annotations

import base64

import pytest

from rftctl.dataset.images import ANY_IMAGE, ImageRules, check_image
from rftctl.dataset.rows import RowRules, check_row

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
DATA_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


def said(image: object, rules: ImageRules = ANY_IMAGE) -> list[str]:
    return [fault.message for fault in check_image("part", image, rules, ())]


@pytest.mark.parametrize("url", [DATA_URL, "https://example.org/a.png"])
@pytest.mark.parametrize("more", [{}, {"detail": "low"}])
def test_a_data_url_and_a_link_pass(url: str, more: dict[str, str]) -> None:
    assert said({"url": url, **more}) == []


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("photo.png", "neither a data URL nor a link"),
        ("file:///home/me/photo.png", "neither a data URL nor a link"),
        ("https://[", "is not a URL"),
        ("https://127.0.0.1/a.png", "cannot reach"),
        ("http://localhost/a.png", "cannot reach"),
        ("http://example.org/a.png", "not encrypted"),
        ("data:text/plain;base64,aGk=", "is of type 'text/plain'"),
        ("data:image/png,raw", "no data URL of an image in base64"),
        (DATA_URL[:-1], "not valid base64"),
        (DATA_URL + "é", "not valid base64"),
        (DATA_URL.replace("png", "webp"), "its bytes are image/png"),
    ],
)
def test_a_wrong_image_is_said(url: str, what: str) -> None:
    assert [what in message for message in said({"url": url})] == [True]


@pytest.mark.parametrize("image", [DATA_URL, {}, {"url": ""}, {"url": 3}, None])
def test_an_image_needs_a_url(image: object) -> None:
    assert said(image) == ["part.image_url has no url"]


def test_the_providers_limits_count() -> None:
    small = ImageRules(types=("image/png",), takes_links=False, max_bytes=10)
    assert "the provider takes 10" in said({"url": DATA_URL}, small)[0]
    assert "does not fetch" in said({"url": "https://example.org/a.png"}, small)[0]


@pytest.mark.parametrize(("role", "codes"), [("user", []), ("developer", ["RFT225"])])
def test_images_stand_in_user_messages(role: str, codes: list[str]) -> None:
    part = {"type": "image_url", "image_url": {"url": DATA_URL}}
    messages = [{"role": role, "content": [part]}, {"role": "user", "content": "which?"}]
    assert [fault.code for fault in check_row({"messages": messages})] == codes


def test_a_row_has_a_bounded_number_of_images() -> None:
    part = {"type": "image_url", "image_url": {"url": DATA_URL}}
    messages = [{"role": "user", "content": [part] * 3}]
    rules = RowRules(images=ImageRules(max_per_row=2))
    assert [fault.message for fault in check_row({"messages": messages}, rules)] == [
        "the row has 3 images; the provider takes 2"
    ]
