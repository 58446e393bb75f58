"""The entry point of the command ``kalends``: it says which extra is missing where its packages are not installed."""

from __future__ import annotations

import sys

EXTRA_OF = {
    "click": "cli",
    "pydantic_settings": "cli",
    "rich": "cli",
    "yaml": "cli",
    "aiohttp": "operator",
    "kopf": "operator",
    "kubernetes": "operator",
    "prometheus_client": "operator",
}
"""The extra of each package that a command imports and the library does not."""


def main() -> None:
    """Run the command line; without the packages of an extra, exit with a message that names the extra."""
    try:
        from kalends.cli.main import main as run

        run()
    except ModuleNotFoundError as error:
        extra = EXTRA_OF.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        sys.exit(f"kalends: the package {error.name!r} is not installed: pip install 'kalends[{extra}]'")
