"""Which proxy leads to a server, by the rules of kubectl: those of Go, not those of an HTTP library."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from kubernetes.client import rest

from kalends.errors import InvalidSettings

# It carries no types.
bypassed_by: Any = rest.should_bypass_proxies


def proxy_of(server: str, named: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for ``server``, or None.

    The ``proxy-url`` of a kubeconfig (``named``) is always used. Without it the environment names the proxy
    (``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``, in capitals or not) and the servers that are reached without it:
    those in ``NO_PROXY`` (names, suffixes, addresses, networks in CIDR notation, ``*``), and this machine itself.

    Raises:
        InvalidSettings: The proxy is not an HTTP proxy.
    """
    proxy = named or _of_environment(server, environ)
    if proxy is None:
        return None
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        # The URL may hold a password, so only parts of it are shown.
        shown = f"{parts.scheme}://{parts.hostname or ''}"
        raise InvalidSettings(f"the proxy for {server} must be a URL with http:// or https://, got {shown}")
    return parts.geturl()


def _of_environment(server: str, environ: Mapping[str, str]) -> str | None:
    if _is_this_machine(urlsplit(server).hostname or "") or bypassed_by(server, _variable(environ, "no") or ""):
        return None
    return _variable(environ, urlsplit(server).scheme) or _variable(environ, "all")


def _variable(environ: Mapping[str, str], kind: str) -> str | None:
    name = f"{kind}_proxy"
    return environ.get(name.upper()) or environ.get(name) or None


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
