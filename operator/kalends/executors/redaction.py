"""What looks like a secret is not told: a net for accidents, such as an error that shows its whole environment.

Taken out are, and ``SECURITY.md`` says the same:

- the values of this process' environment variables whose names look like a secret's, as they stand or as JSON, a URL
  or base 64 write them;
- what follows a name that looks like a secret's and ``=`` or ``:``, quoted or not, and an ``Authorization``;
- bearer tokens, JSON Web Tokens (a ServiceAccount's token is one), private keys in PEM, and who logs in in a URL.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import re
from urllib.parse import quote

REDACTED = "[redacted]"
SHORTEST_VALUE = 6
"""Characters. A shorter value of a variable is too likely to be a part of ordinary words."""
LONGEST_VALUE = 4 * 1024
"""Characters. Tokens are shorter."""

_SECRET_VARIABLE = re.compile(
    r"pass(?:word|wd|phrase)?(?:$|_)|secret|token|credential|api_?key|access_?key|private_?key|_key$|_pwd$|_auth$|_dsn$",
    re.IGNORECASE,
)
_NAME = (
    r"[\w.-]{0,64}?(?:password|passwd|passphrase|secret[\w-]{0,32}|token|credentials?"
    r"|(?:api|access|private|auth)[_-]?key|[\w-]_(?:pass|pwd))"
)
_VALUE = r"""(?:\\"[^"]*"?|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;&"'<>(){}\[\]]+)"""
_ASSIGNED = re.compile(
    rf"""(?P<name>(?<![\w.-])(?P<quote>\\?["']?)(?:{_NAME})(?P=quote)\s{{0,8}}(?:=>?|:)\s{{0,8}}b?)(?P<value>{_VALUE})""",
    re.IGNORECASE | re.DOTALL,
)
_AUTHORIZATION = re.compile(
    r"""(?P<name>authorization\\?["']?\s{0,8}[:=]\s{0,8}\\?["']?)(?:\w{1,32}\s{1,8})?[^\s"',;\\]+""",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|\Z)"
    r"|\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}"
    r"|(?i:(?<=\bbearer ))[\w.~+/=-]{8,}"
    r"|(?<=://)[^\s/?#\"']+(?=@)",
    re.DOTALL,
)


def redacted(text: str) -> str:
    """Return text without what looks like a secret."""
    own = _own_secrets()
    if own is not None:
        text = own.sub(REDACTED, text)
    text = _AUTHORIZATION.sub(rf"\g<name>{REDACTED}", text)
    text = _BARE.sub(REDACTED, text)
    return _ASSIGNED.sub(_without_value, text)


def prepare() -> None:
    """Read the environment now, for every process that is forked from this one."""
    _own_secrets()


def _without_value(found: re.Match[str]) -> str:
    quote_marks = re.match(r"""\\?["']?""", found["value"])
    mark = quote_marks.group() if quote_marks else ""
    return f"{found['name']}{mark}{REDACTED}{mark}"


@functools.cache
def _own_secrets() -> re.Pattern[str] | None:
    """Return what finds the secrets in this process' environment, which stays as it was when first asked for."""
    forms: set[str] = set()
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name):
            for told in {value, value.strip()}:
                if SHORTEST_VALUE <= len(told) <= LONGEST_VALUE:
                    forms |= _forms(told)
    # The longest first: of two that begin alike, the whole of the longer one is to go.
    patterns = [re.escape(form) for form in sorted(forms, key=len, reverse=True)]
    return re.compile("|".join(patterns)) if patterns else None


def _forms(value: str) -> set[str]:
    encoded = value.encode(errors="surrogateescape")
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        quote(encoded, safe=""),
        base64.b64encode(encoded).decode(),
    }
