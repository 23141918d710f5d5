"""Direct identifiers in texts: mail and network addresses, links, telephone numbers, names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ADDRESS = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])|(?<![\w:])(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}(?![\w:])",
    re.I,
)
_LINK = re.compile(r"(?:https?://|www\.)[^\s\"'<>)\]},|]+", re.I)
_PHONE = re.compile(
    r"(?<![\w.,+-])(?:\+\d{1,3}|\(?0\d{2,5}\)?)[ /-]?\d{2,4}(?:[ /-]?\d{2,5}){1,4}(?![\w.,%])"
)


def identifiers(
    text: str, names: Iterable[str] = (), links: frozenset[str] = frozenset()
) -> list[tuple[str, str]]:
    """Return direct identifiers in a text: kind and the text found.

    Args:
        text: to look through.
        names: of persons, looked for as whole words.
        links: addresses that are no secret.
    """
    found = [("mail address", match[0]) for match in _MAIL.finditer(text)]
    for match in _ADDRESS.finditer(text):
        try:
            ipaddress.ip_address(match[0])
        except ValueError:
            continue
        found.append(("network address", match[0]))
    for match in _LINK.finditer(text):
        address = match[0].rstrip(".,;:")
        if host_of(address) not in links:
            found.append(("link", address))
    found += [
        ("telephone number", match[0])
        for match in _PHONE.finditer(text)
        if 8 <= sum(map(str.isdigit, match[0])) <= 15
    ]
    found += [
        ("name", name)
        for name in names
        if name in text and re.search(rf"\b{re.escape(name)}\b", text)
    ]
    return found


def host_of(address: str) -> str:
    """Return the host of an address such as https://example.org/page."""
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", address.lower()).split("/")[0]
