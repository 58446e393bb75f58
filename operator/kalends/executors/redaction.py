"""Removes what looks like a secret: a safety net for accidents, such as an error that shows its whole environment.

Taken out are, and ``SECURITY.md`` says the same:

- the values of this process' environment variables whose names look like a secret's, verbatim or as JSON, a URL
  or base 64 write them;
- what follows a name that looks like a secret's: after ``=`` or ``:``, quoted or not, as the next word of a command
  line or a pair, as a quoted word, as the text of an XML element, as a YAML block;
- ``Authorization``, ``Cookie``, and signatures in URLs;
- tokens by their well-known beginnings, JSON Web Tokens (a ServiceAccount's token is one), private keys in PEM and PGP,
  and the login in a URL.

Every pattern is bounded in what it repeats, so that a hostile text takes time in proportion to its length.
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
_WORD = (
    r"(?:password|passwd|passphrase|secret[\w-]{0,32}|token|credentials?"
    r"|(?:api|access|private|auth|account|client|signing|encryption)[_-]?key(?:[_-]data)?)"
)
_NAME = rf"[\w.-]{{0,64}}?(?:{_WORD}|[\w-]_(?:pass|pwd))"
_QUOTE = r"""(?:\\{0,7}["'])"""
_ESCAPED = r"""\\{1,7}"(?:(?!\\{0,7}").){0,4096}(?:\\{0,7}")?"""
_PLAIN = r"""[^\s,;&"'<>(){}\[\]]+"""
_VALUE = rf"""(?:{_ESCAPED}|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|{_PLAIN})"""
_STRING = r"""(?:"[^"]{0,4096}"?|'[^']{0,4096}'?)"""
_ASSIGNED = re.compile(
    rf"""(?P<name>(?<![\w.-])(?P<quote>{_QUOTE}?)(?:{_NAME})(?P=quote)\s{{0,8}}(?:=>?|:)\s{{0,8}}b?)(?P<value>{_VALUE})""",
    re.IGNORECASE | re.DOTALL,
)
_SHORT_NAME = re.compile(  # these are words of their own in other texts, too: only a value without blanks counts
    rf"""(?P<name>(?<![\w.-])(?P<quote>{_QUOTE}?)(?:pwd|pass|pw)(?P=quote)(?:\s?=\s?|:\s?))(?P<value>(?!\d{{1,6}}\b){_VALUE})""",
    re.IGNORECASE | re.DOTALL,
)
_BLOCK = re.compile(  # of YAML: what is indented below the name
    rf"(?P<name>(?<![\w.-])(?:{_NAME})[\"']?:[ ]{{0,8}}[|>][-+\d]{{0,2}}[ ]{{0,8}}\n)"
    r"(?:[ \t]{1,64}[^\n]{0,4096}(?:\n|\Z)){1,200}",
    re.IGNORECASE,
)
_OPTION = re.compile(  # of a command line, as a text or as a list: --password X, '--token', 'X'
    rf"""(?P<name>(?<![\w-])--?(?:{_NAME}|pass|pwd)\b["']?[ ,]{{1,4}})(?P<value>{_STRING}|(?!-){_PLAIN})""",
    re.IGNORECASE,
)
_PAIR = re.compile(  # ('x-api-key', 'X')
    rf"""(?P<name>[(\[]\s?b?["'](?:{_NAME}|authorization|(?:set-)?cookie)["'],\s?b?)(?P<value>{_STRING})""",
    re.IGNORECASE,
)
_QUOTED = re.compile(  # password "X" rejected
    r"""(?P<name>(?<![\w.-])(?:password|passwd|passphrase)[ ])(?P<value>"[^"\s]{1,4096}"|'[^'\s]{1,4096}')""",
    re.IGNORECASE,
)
_ELEMENT = re.compile(
    rf"(?P<name><(?:[\w-]{{1,32}}:)?(?:{_NAME}|pwd|pass)(?:\s[^<>]{{0,200}})?>)[^<]{{1,4096}}",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(
    r"""(?P<name>authorization\\{0,7}["']?\s{0,8}[:=]\s{0,8}\\{0,7}["']?)(?:\w{1,32}\s{1,8})?[^\s"',;\\]+""",
    re.IGNORECASE,
)
_COOKIE = re.compile(r"""(?P<name>(?<![\w-])(?:set-)?cookie["']?\s{0,8}:\s{0,8}["']?)[^\n"']{1,4096}""", re.IGNORECASE)
_SIGNATURE = re.compile(
    r"(?P<name>[?&;](?:sig|signature|x-amz-signature|x-goog-signature|x-amz-security-token)=)[^\s&\"'<>]{1,4096}",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----|\Z)"
    r"|\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}"
    r"|(?i:(?<=\bbearer ))[\w.~+/=-]{8,}"
    r"|(?i:(?<=\bbasic ))(?=[A-Za-z0-9+/]{0,512}[A-Z0-9+/=])[A-Za-z0-9+/]{8,}={0,2}"
    r"|\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|[srp]k_(?:live|test)_\w{10,}|whsec_\w{16,}|sk-[\w-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16}\b|AIza[\w-]{30,}"
    r"|npm_\w{30,}|pypi-[\w-]{30,}|hf_\w{20,}|dop_v1_\w{30,}|SG\.[\w-]{16,}\.[\w-]{16,})"
    r"|(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/-]{8,}"
    r"|(?<=://)[^\s/?#\"']+(?=@)"
    r"|(?<=://)[^\s/?#\"'@:]{0,256}:(?!\d{1,5}[/?#])[^\s\"'@<>]{1,512}(?=@[\w.\[-])",
    re.DOTALL,
)
_ENCODED = re.compile(r"[A-Za-z0-9+/]{12,}={0,2}")
_NAMED = (_ASSIGNED, _SHORT_NAME, _OPTION, _PAIR, _QUOTED)
_WHOLE = (_COOKIE, _SIGNATURE, _ELEMENT)


def redacted(text: str) -> str:
    """Return text without what looks like a secret."""
    own = own_secrets()
    if own is not None:
        text = own.sub(REDACTED, text)
        text = _ENCODED.sub(_without_own, text)
    text = _AUTHORIZATION.sub(rf"\g<name>{REDACTED}", text)
    text = _BARE.sub(REDACTED, text)
    for pattern in _WHOLE:
        text = pattern.sub(rf"\g<name>{REDACTED}", text)
    text = _BLOCK.sub(rf"\g<name>  {REDACTED}\n", text)
    for pattern in _NAMED:
        text = pattern.sub(_without_value, text)
    return text


def prepare() -> None:
    """Read the environment now, for every process that is forked from this one."""
    own_secrets()


def _without_value(found: re.Match[str]) -> str:
    value = found["value"]
    if REDACTED in value:
        return found.group()
    quote_marks = re.match(r"""(?:\\{0,7}["'])?""", value)
    mark = quote_marks.group() if quote_marks else ""
    return f"{found['name']}{mark}{REDACTED}{mark}"


def _without_own(found: re.Match[str]) -> str:
    """Take out base 64 that holds a secret of this process among other text, as ``user:password`` does."""
    own, text = own_secrets(), found.group().rstrip("=")
    decoded = base64.b64decode(text[: len(text) - (len(text) % 4 == 1)] + "=" * (-len(text) % 4)).decode(
        errors="replace"
    )
    return REDACTED if own is not None and own.search(decoded) else found.group()


@functools.cache
def own_secrets() -> re.Pattern[str] | None:
    """Return what finds the secrets in this process' environment, which stays as it was when first asked for."""
    forms: set[str] = set()
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name):
            for shown in {value, value.strip()}:
                if SHORTEST_VALUE <= len(shown) <= LONGEST_VALUE:
                    forms |= _forms(shown)
    # The longest first: of two that begin alike, the longer must be removed completely.
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
