"""Where the API server is, and which credentials to use: read by the ``kubernetes`` package, returned as plain data."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.config import ConfigException, incluster_config

from kalends.errors import InvalidSettings
from kalends.kube.login.proxies import proxy_of

# Their functions carry no types.
kubeconfigs: Any = config
service_accounts: Any = incluster_config

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
USER_KUBECONFIG = Path("~/.kube/config")
# What malformed files make the ``kubernetes`` package raise.
UNREADABLE = (ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError)


@dataclass(frozen=True, slots=True)
class Login:
    """Where the API server is, and how to authenticate, as plain data.

    ``authorization`` is the value of the header of that name; certificates are paths of PEM files. ``server_name`` is
    the name in the server's certificate where it is not the host of ``server``. ``proxy_url`` is the proxy to use.
    """

    server: str
    namespace: str = "default"
    authorization: str | None = None
    ca_path: str | None = None
    certificate_path: str | None = None
    private_key_path: str | None = None
    insecure: bool = False
    server_name: str | None = None
    proxy_url: str | None = None


ReadLogin = Callable[[], Login]
# Finds everything anew; what it returns reads the token again where it may have changed, and is cheap otherwise.
FindLogin = Callable[[], ReadLogin]


def login_finder(kubeconfig: Path | None, context: str | None, service_account: Path = SERVICE_ACCOUNT) -> FindLogin:
    """Return what finds the login: in the given kubeconfig, in ``$KUBECONFIG``, in the pod, in ``~/.kube/config``.

    The first of these that exists is used; a context without a kubeconfig is not looked for in the pod.

    Raises:
        InvalidSettings: There is none of them.
    """
    named = str(kubeconfig) if kubeconfig is not None else os.environ.get("KUBECONFIG")
    if named:
        if not any(Path(path).expanduser().exists() for path in named.split(os.pathsep) if path):
            raise InvalidSettings(f"the kubeconfig must be a file, but there is none at {named}")
        return lambda: _from_kubeconfig(named, context)
    in_a_pod = bool(os.environ.get(service_accounts.SERVICE_HOST_ENV_NAME)) and (service_account / "token").exists()
    if context is None and in_a_pod:
        return lambda: _from_service_account(service_account)
    if USER_KUBECONFIG.expanduser().exists():
        return lambda: _from_kubeconfig(str(USER_KUBECONFIG), context)
    raise InvalidSettings(
        "no cluster is configured: give --kubeconfig, set KUBECONFIG, write ~/.kube/config, or run in a pod that has a "
        "service account token"
    )


def own_namespace(service_account: Path = SERVICE_ACCOUNT) -> str | None:
    """Return the namespace of the pod that we are in: what ``POD_NAMESPACE`` says, or its service account; or None."""
    said = os.environ.get("POD_NAMESPACE")
    if said:
        return said
    try:
        return (service_account / "namespace").read_text().strip() or None
    except OSError:
        return None


def _from_kubeconfig(path: str, context: str | None) -> ReadLogin:
    configuration = _configuration()
    try:
        contexts, current = kubeconfigs.list_kube_config_contexts(path)
        kubeconfigs.load_kube_config(path, context, client_configuration=configuration)
    except UNREADABLE as error:
        raise InvalidSettings(f"the kubeconfig {path} cannot be used: {error}") from error
    chosen = next((found for found in contexts if found["name"] == context), current)
    namespace = chosen["context"].get("namespace") or "default"

    def read() -> Login:
        login = _login_of(configuration, namespace)
        if login.server.startswith("https") and not (login.authorization or login.certificate_path):
            raise InvalidSettings(
                f"context {chosen['name']!r} of the kubeconfig {path} must give a token, a client certificate, or a "
                "command that prints one of them; it gives none, or its command failed (the log says how)"
            )
        return login

    return read


def _from_service_account(folder: Path) -> ReadLogin:
    configuration = _configuration()
    loader = service_accounts.InClusterConfigLoader(str(folder / "token"), str(folder / "ca.crt"))

    def read() -> Login:
        try:
            # All of it each time: the package itself times its reading by the wall clock.
            loader.load_and_set(configuration)
            namespace = (folder / "namespace").read_text().strip()
        except UNREADABLE as error:
            raise InvalidSettings(f"the pod's service account in {folder} cannot be used: {error}") from error
        return _login_of(configuration, namespace)

    return read


def _configuration() -> Any:
    # An empty proxy keeps the package from taking that of the environment, without saying which it took.
    return Configuration(proxy="")


def _login_of(configuration: Any, namespace: str) -> Login:
    # Asking for the key makes the kubernetes package renew it: from the token file, or by the exec plugin.
    key = configuration.get_api_key_with_prefix("BearerToken")
    server = configuration.host.rstrip("/")
    return Login(
        server=server,
        namespace=namespace,
        authorization=key.strip() if key else None,
        ca_path=configuration.ssl_ca_cert,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        insecure=not configuration.verify_ssl,
        server_name=configuration.tls_server_name,
        proxy_url=proxy_of(server, configuration.proxy, os.environ),
    )
