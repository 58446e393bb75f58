"""The API server for tests: the standard library's HTTP client, the credentials of a kubeconfig file, JSON."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml


class Api:
    """Asks the API server; each thread has a separate connection."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        named = {one["name"]: one["context"] for one in config["contexts"]}[config["current-context"]]
        cluster = {one["name"]: one["cluster"] for one in config["clusters"]}[named["cluster"]]
        user = {one["name"]: one["user"] for one in config["users"]}[named["user"]]
        self._address = urlsplit(cluster["server"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._context = ssl.create_default_context(cadata=authority)
        self._headers = {"Authorization": f"Bearer {user['token']}", "Accept": "application/json"}
        self._local = threading.local()
        self._opened: list[http.client.HTTPSConnection] = []

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.close()

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, Any]:
        """Return status and object; a connection that was closed since the last request is opened again, once."""
        data = None if body is None else json.dumps(body)
        for attempt in (1, 2):
            connection = self._connection()
            try:
                connection.request(method, path, data, {**self._headers, "Content-Type": content_type})
                answer = connection.getresponse()
                return answer.status, json.loads(answer.read() or b"{}")
            except (OSError, http.client.HTTPException):
                connection.close()
                del self._local.connection
                if attempt == 2:
                    raise
        raise AssertionError

    def post_text(self, path: str, text: bytes) -> int:
        """Create an object from a text that this interpreter's encoder cannot write; return the status."""
        connection = self._new_connection(timeout=300)
        connection.request("POST", path, text, {**self._headers, "Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def _connection(self) -> http.client.HTTPSConnection:
        found = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._new_connection(timeout=30)
        return found

    def _new_connection(self, timeout: float) -> http.client.HTTPSConnection:
        host, port = self._address.hostname or "", self._address.port
        opened = http.client.HTTPSConnection(host, port, context=self._context, timeout=timeout)
        self._opened.append(opened)
        return opened

    def get(self, path: str) -> Any:
        """Return the object at a path."""
        status, answer = self.request("GET", path)
        assert status == 200, (path, status, answer)
        return answer

    def create(self, path: str, body: Any) -> Any:
        """Create an object."""
        status, answer = self.request("POST", path, body)
        assert status == 201, (path, status, answer)
        return answer

    def patch(self, path: str, body: Any) -> tuple[int, Any]:
        """Merge-patch an object."""
        return self.request("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str) -> int:
        """Delete an object in the background."""
        return self.request("DELETE", path, {"propagationPolicy": "Background"})[0]

    def items(self, path: str) -> list[Any]:
        """Return all objects of a collection."""
        found: list[Any] = self.get(path)["items"]
        return found

    def lines(self, path: str) -> Iterator[bytes]:
        """Yield the lines of a watch as they come, over a separate connection."""
        connection = self._new_connection(timeout=600)
        connection.request("GET", path, headers=self._headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        while line := answer.readline():
            yield line
