"""Credentials that stay valid: token files are rotated every hour, what exec plugins print expires."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kalends.clock import Clock, SystemClock
from kalends.errors import InvalidSettings
from kalends.kube.login import FindLogin, Login, ReadLogin, login_finder

log = logging.getLogger(__name__)

# The kubelet rotates a token at four fifths of its life, an hour: a minute is soon enough, and costs nothing.
REFRESH_PERIOD = 60.0
# If credentials that are as new as this are refused, newer ones would be, too.
RENEWAL_PAUSE = 5.0


class Credentials:
    """Where the API server is, and how it knows us: ``headers`` and ``tls`` are what a request needs now.

    ``refresh`` belongs before a request; it costs nothing most of the time. ``renew`` belongs after a 401.
    Reading files and running exec plugins happens in a thread.
    """

    def __init__(self, find: FindLogin, clock: Clock) -> None:
        self._find = find
        self._clock = clock
        self._read: ReadLogin = find()
        self._fresh_until = clock.monotonic() + REFRESH_PERIOD
        self._renewable_at = clock.monotonic() + RENEWAL_PAUSE
        self._renewing = asyncio.Lock()
        self._files: tuple[object, ...] = ()
        self.login: Login
        self.headers: Mapping[str, str]
        self.tls: ssl.SSLContext | None = None
        self._adopt(self._read())

    @property
    def server(self) -> str:
        """Return the API server's URL, without a slash at its end."""
        return self.login.server

    @property
    def default_namespace(self) -> str:
        """Return the namespace of the kubeconfig's context, or the pod's own."""
        return self.login.namespace

    def connection_info(self) -> dict[str, Any]:
        """Return the arguments of a kopf ``ConnectionInfo``, valid now; kopf asks again after a 401."""
        login = self.login
        scheme, _, token = (login.authorization or "").partition(" ")
        return {
            "server": login.server,
            "ca_path": login.ca_path,
            "insecure": login.insecure,
            "scheme": scheme or None,
            "token": token or None,
            "certificate_path": login.certificate_path,
            "private_key_path": login.private_key_path,
            "default_namespace": login.namespace,
            "proxy_url": login.proxy_url,
        }

    async def refresh(self) -> None:
        """Read again what may have changed, once a minute; if that fails, what is known goes on being used."""
        if self._clock.monotonic() < self._fresh_until:
            return
        self._fresh_until = self._clock.monotonic() + REFRESH_PERIOD
        try:
            self._adopt(await asyncio.to_thread(self._read))
        except (InvalidSettings, OSError, ValueError) as error:
            log.warning("The credentials could not be read again: %s", error)

    async def renew(self, refused: Login) -> bool:
        """Find everything anew, as the server has refused that login; return whether there is another to try."""
        async with self._renewing:
            if self.login is not refused:
                return True  # somebody else has renewed it meanwhile
            if self._clock.monotonic() < self._renewable_at:
                return False
            self._renewable_at = self._clock.monotonic() + RENEWAL_PAUSE
            try:
                self._read = await asyncio.to_thread(self._find)
                self._adopt(await asyncio.to_thread(self._read))
            except (InvalidSettings, OSError, ValueError) as error:
                log.warning("The credentials were refused, and no others were found: %s", error)
                return False
            log.info("The credentials were refused, and read again.")
            return True

    def _adopt(self, login: Login) -> None:
        files = tuple(_state(path) for path in (login.ca_path, login.certificate_path, login.private_key_path))
        if files != self._files or (self.tls is None and login.server.startswith("https")):
            self.tls = _tls_context(login) if login.server.startswith("https") else None
            self._files = files
        self.headers = MappingProxyType({"Authorization": login.authorization} if login.authorization else {})
        self.login = login


def load_credentials(
    kubeconfig: Path | None = None, context: str | None = None, *, clock: Clock | None = None
) -> Credentials:
    """Return the credentials of a kubeconfig's context, or in a pod those of its service account.

    It looks where ``login.login_finder`` says. It may run an exec plugin, so it may take a while.

    Raises:
        InvalidSettings: There are none, or they cannot be read.
    """
    return Credentials(login_finder(kubeconfig, context), clock or SystemClock())


def _state(path: str | None) -> tuple[str, int] | None:
    return None if path is None else (path, Path(path).stat().st_mtime_ns)


def _tls_context(login: Login) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=login.ca_path)
        if login.certificate_path:
            context.load_cert_chain(login.certificate_path, login.private_key_path)
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"the certificates for {login.server} cannot be read: {error}") from error
    if login.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    # The API server's own certificates and those of small clusters often lack what RFC 5280 asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
