"""Decides whether a request came by a server's own name and from its own page."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from glcic_jax.runtime.errors import UserError


class OwnNames(NamedTuple):
    """Holds the names that a server goes by.

    Attributes:
      hosts: names in `Host` that lead to it, without a port; any address in numbers does so too.
      pages: what `Origin` names for its own pages, besides what `Host` does: NAME, or NAME:PORT.
    """

    hosts: frozenset[str] = frozenset({"localhost"})
    pages: frozenset[str] = frozenset()


LOCAL = OwnNames()
"""The names of a server that was given none."""


def own_names(given: Iterable[str], listening: Iterable[str] = ()) -> OwnNames:
    """Returns the names of a server that listens at some names, and is given others by --name.

    Args:
      given: each a name, NAME:PORT, or the address of the page, such as
        https://photos.example.org/fill/. A proxy in front of the server has such a name.
      listening: names of this machine.

    Raises:
      UserError: one is no name.
    """
    pages = {_page(name) for name in given}
    hosts = {urlsplit(f"//{page}").hostname or "" for page in pages}
    here = {name.lower() for name in listening}  # as browsers write every name
    return OwnNames(frozenset({"localhost", *here, *hosts}), frozenset(pages))


def _page(name: str) -> str:
    """Returns NAME or NAME:PORT of a name or address."""
    wrong = UserError(
        f"--name {name}: give a name, such as photos.example.org or photos.example.org:8443"
    )
    try:
        parts = urlsplit(name if "//" in name else f"//{name}")
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError as error:
        raise wrong from error
    host = parts.hostname
    if not host or not re.fullmatch(r"[\w.:-]+", host) or parts.username is not None:
        raise wrong
    usual = {"http": ":80", "https": ":443"}.get(parts.scheme)
    host = f"[{host}]" if ":" in host else host
    return host if port == usual else host + port


def why_strange(host: str, origin: str | None, names: OwnNames) -> str | None:
    """Returns why a request must be refused; None = it came from the server's own page.

    A site whose own name leads to this machine (DNS rebinding) is recognised by the name in `Host`;
    one that has a browser send forms (cross-site request forgery), by `Origin`.

    Args:
      host: the header `Host`, "" where there is none.
      origin: the header `Origin`, None where there is none: programs send none.
      names: the server's.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name not in names.hosts:
            ipaddress.ip_address(name)
    except ValueError:
        return "this address is not the server's own: see --name in its help"
    return None if origin is None else _strange_page(host, origin, names)


def _strange_page(host: str, origin: str, names: OwnNames) -> str | None:
    """Returns why the page that sent a request is not the server's own; None = it is."""
    try:
        page = urlsplit(origin).netloc
    except ValueError:
        page = ""
    if page and page in (host, *names.pages):
        return None
    asked = page if re.fullmatch(r"[\w.:\[\]-]{1,100}", page) else "NAME"
    return (
        "the page that sent this is not the server's own; if it is, behind a proxy, start the "
        f"server with --name {asked}"
    )


def neighbourhood(address: str) -> str:
    """Returns what stands for everybody who can send from an address: of IPv6, its first 64 bits.

    Args:
      address: an IPv4 or IPv6 address; anything else stands for itself.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
