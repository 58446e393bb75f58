"""The secrets of a control plane, created with the standard library alone."""

import base64
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self

CLUSTER_NAME = "kalends-control-plane"
"""What kubeconfig files call the cluster, its user and their context."""

ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""SEC 2, section 2.4.2."""

BEFORE_THE_NUMBER = bytes.fromhex("30310201010420")
AFTER_THE_NUMBER = bytes.fromhex("a00a06082a8648ce3d030107")
"""The DER of RFC 5915 around the 32 bytes of the secret number: version 1, and the curve's name, prime256v1.
The public key may be left out; a reader of the file computes it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The tokens of the two users that exist from the beginning, and the key that signs service accounts' tokens."""

    admin_token: str
    controller_manager_token: str
    tokens_file: Path
    service_account_key: Path

    @classmethod
    def made_in(cls, folder: Path) -> Self:
        """Create new credentials and write the files that the API server reads."""
        admin, manager = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        tokens = folder / "tokens.csv"
        # token, user, uid, groups: Kubernetes' "static token file".
        write_secret(
            tokens,
            f'{admin},kalends-admin,kalends-admin,"system:masters"\n'
            f"{manager},system:kube-controller-manager,kube-controller-manager\n",
        )
        key = folder / "service-account.key"
        write_secret(key, p256_key())
        return cls(admin, manager, tokens, key)


def p256_key() -> str:
    """Return a fresh private key for ECDSA over P-256, as PEM."""
    number = 1 + secrets.randbelow(ORDER_OF_P256 - 1)
    der = BEFORE_THE_NUMBER + number.to_bytes(32, "big") + AFTER_THE_NUMBER
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n"


def write_kubeconfig(path: Path, *, server: str, authority: bytes, token: str, namespace: str = "default") -> None:
    """Write a kubeconfig file (as JSON, which is YAML too) that verifies the server's certificate."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": CLUSTER_NAME,
                "cluster": {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()},
            }
        ],
        "users": [{"name": CLUSTER_NAME, "user": {"token": token}}],
        "contexts": [
            {"name": CLUSTER_NAME, "context": {"cluster": CLUSTER_NAME, "user": CLUSTER_NAME, "namespace": namespace}}
        ],
        "current-context": CLUSTER_NAME,
    }
    write_secret(path, json.dumps(config, indent=2))


def write_secret(path: Path, text: str) -> None:
    """Write a file that is created with permissions for its owner alone."""
    path.touch(mode=0o600)
    path.write_text(text)
