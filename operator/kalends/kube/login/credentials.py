"""Credentials that stay valid: token files are rotated every hour, what exec plugins print expires."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kalends.clock import Clock, SystemClock
from kalends.errors import InvalidSettings
from kalends.kube.login.connection import FindLogin, Login, ReadLogin, login_finder
from kalends.kube.login.tls import TlsFiles, tls_context

log = logging.getLogger(__name__)

# The kubelet rotates a token at four fifths of its life, an hour: a minute is soon enough, and costs nothing.
REFRESH_PERIOD = 60.0
# If credentials as new as this are refused, newer credentials would be refused, too.
RENEWAL_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class LoadedLogin:
    """A login with its certificates loaded; ``files`` are the versions of the files that ``tls`` was made from."""

    login: Login
    tls: ssl.SSLContext | None
    files: TlsFiles

    @classmethod
    def load(cls, read: ReadLogin, known: LoadedLogin | None = None) -> LoadedLogin:
        """Read the login, and its certificates if they are not those of ``known``. This blocks: files, exec plugins.

        Raises:
            InvalidSettings: It cannot be read.
        """
        login = read()
        files = TlsFiles.of(login)
        if known is not None and known.files == files:
            return cls(login, known.tls, files)
        return cls(login, tls_context(login) if files.secure else None, files)


class Credentials:
    """Where the API server is, and how to authenticate: ``headers`` and ``tls`` are what a request needs now.

    ``refresh`` belongs before a request; it costs nothing most of the time. ``renew`` belongs after a 401.
    Files are read, and exec plugins run, in a thread; the constructor alone does so itself, before there is a loop.
    """

    def __init__(self, find: FindLogin, clock: Clock) -> None:
        self._find = find
        self._clock = clock
        self._read: ReadLogin = find()
        self._fresh_until = clock.monotonic() + REFRESH_PERIOD
        self._renewable_at = clock.monotonic() + RENEWAL_PAUSE
        self._renewing = asyncio.Lock()
        self._loaded: LoadedLogin
        self.headers: Mapping[str, str]
        self._adopt(LoadedLogin.load(self._read))

    @property
    def login(self) -> Login:
        """Return the login in use; another object after each reading."""
        return self._loaded.login

    @property
    def tls(self) -> ssl.SSLContext | None:
        """Return how the server is verified, None for plain HTTP; the same object until a certificate changes."""
        return self._loaded.tls

    @property
    def server(self) -> str:
        """Return the API server's URL, without a slash at its end."""
        return self.login.server

    @property
    def default_namespace(self) -> str:
        """Return the namespace of the kubeconfig's context, or the pod's own."""
        return self.login.namespace

    def connection_info(self) -> dict[str, Any]:
        """Return the arguments of ``handlers.shell.Connection``, valid now; kopf asks again after a 401."""
        scheme, _, token = (self.login.authorization or "").partition(" ")
        return {
            "server": self.login.server,
            "scheme": scheme or None,
            "token": token or None,
            "tls": self.tls,
            "default_namespace": self.login.namespace,
            "proxy_url": self.login.proxy_url,
        }

    async def refresh(self) -> None:
        """Read the credentials again once a minute; if that fails, the known credentials stay in use."""
        if self._clock.monotonic() < self._fresh_until:
            return
        self._fresh_until = self._clock.monotonic() + REFRESH_PERIOD
        try:
            self._adopt(await asyncio.to_thread(LoadedLogin.load, self._read, self._loaded))
        except (InvalidSettings, OSError, ValueError) as error:
            log.warning("The credentials could not be read again: %s", error)

    async def renew(self, refused: Login) -> bool:
        """Find everything anew, as the server has refused that login; return whether there is another to try."""
        async with self._renewing:
            if self.login is not refused:
                return True  # another request has renewed it in the meantime
            if self._clock.monotonic() < self._renewable_at:
                return False
            self._renewable_at = self._clock.monotonic() + RENEWAL_PAUSE
            try:
                self._read = await asyncio.to_thread(self._find)
                self._adopt(await asyncio.to_thread(LoadedLogin.load, self._read, self._loaded))
            except (InvalidSettings, OSError, ValueError) as error:
                log.warning("The credentials were refused, and no others were found: %s", error)
                return False
            log.info("The credentials were refused, and read again.")
            return True

    def _adopt(self, loaded: LoadedLogin) -> None:
        authorization = loaded.login.authorization
        self.headers = MappingProxyType({"Authorization": authorization} if authorization else {})
        self._loaded = loaded


def load_credentials(
    kubeconfig: Path | None = None, context: str | None = None, *, clock: Clock | None = None
) -> Credentials:
    """Return the credentials of a kubeconfig's context, or in a pod those of its service account.

    It looks where ``login.login_finder`` says. It may run an exec plugin, so it may take a while.

    Raises:
        InvalidSettings: There are none, or they cannot be read.
    """
    return Credentials(login_finder(kubeconfig, context), clock or SystemClock())
