"""How the API server's certificate is verified, the same for connections of kopf and of this package."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from kalends.errors import InvalidSettings
from kalends.kube.login.connection import Login


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a TLS context is made from; while it is equal, so is the context."""

    secure: bool
    """Whether the server is reached by TLS at all."""
    insecure: bool
    server_name: str | None
    versions: tuple[tuple[str, int] | None, ...]
    """Path and modification time of the authority, the client certificate and its key."""

    @classmethod
    def of(cls, login: Login) -> TlsFiles:
        """Return the present state of a login's files. This blocks.

        Raises:
            InvalidSettings: A file is not there.
        """
        paths = (login.ca_path, login.certificate_path, login.private_key_path)
        try:
            versions = tuple(_version(path) for path in paths)
        except OSError as error:
            raise InvalidSettings(f"the certificates for {login.server} cannot be read: {error}") from error
        return cls(login.server.startswith("https"), login.insecure, login.server_name, versions)


class NamedContext(ssl.SSLContext):
    """A context that expects one name in the server's certificate, whatever host is connected to.

    asyncio takes the name from the URL, and kopf has no way to give another.
    """

    server_name: str | None = None

    @override
    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Return the object that asyncio reads and writes by, with the expected name."""
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name or server_hostname, session)


def tls_context(login: Login) -> ssl.SSLContext:
    """Return the context for a login. It reads files, so it blocks.

    Raises:
        InvalidSettings: A certificate cannot be read.
    """
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = login.server_name
    try:
        if login.ca_path:
            context.load_verify_locations(cafile=login.ca_path)
        else:
            context.load_default_certs()
        if login.certificate_path:
            context.load_cert_chain(login.certificate_path, login.private_key_path)
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"the certificates for {login.server} cannot be read: {error}") from error
    if login.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    # As Go does: any certificate of the bundle is an authority, and extensions that RFC 5280 asks for may be missing.
    # They often are in the API server's own certificates and in those of small clusters.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _version(path: str | None) -> tuple[str, int] | None:
    return None if path is None else (path, Path(path).stat().st_mtime_ns)
