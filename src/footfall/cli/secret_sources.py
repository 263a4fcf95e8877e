"""Where a command takes secrets from: a variable, a file, standard input, or a person at a terminal.

Never from an argument: every user of a machine sees the arguments of its processes, and shells keep them.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from footfall.errors import Refused
from footfall.model.authorizations import SECRETS, Secrets

_HINT: Final = "Write NAME=env:VARIABLE, NAME=file:PATH, or NAME=- for standard input"
_LINES: Final = frozenset({"pgp_public_key", "pgp_private_key"})

Given = Annotated[
    list[str] | None,
    typer.Option("--secret", help="NAME=env:VARIABLE, NAME=file:PATH or NAME=- (standard input); may be repeated."),
]
Document = Annotated[
    str | None, typer.Option("--secrets", help="File with a JSON object of secrets; '-' is standard input.")
]


def read_secrets(given: Sequence[str] | None, document: str | None, names: Sequence[str] = SECRETS) -> Secrets:
    """The secrets that ``--secret`` and ``--secrets`` point to; a name given twice counts the last time.

    names: those that there are.

    Raises ``Refused`` that names the source; what was read is in no message.
    """
    found = {} if document is None else _document(document)
    sources = [each.partition("=")[::2] for each in given or ()]
    if [source for _, source in sources].count("-") + (document == "-") > 1:
        raise Refused("standard input can be read for one option only", "Use --secrets - with a JSON object of all")
    return Secrets(found | {name: _value(name, source, names) for name, source in sources})


def ask(missing: Iterable[str]) -> Secrets:
    """What a person types for each of ``missing``, without showing it; nothing when nobody sits at a terminal.

    Keys of several lines are not asked for.
    """
    if not sys.stdin.isatty():
        return Secrets()
    typed = {name: getpass.getpass(f"{name}: ", sys.stderr) for name in missing if name not in _LINES}
    return Secrets({name: value.strip() for name, value in typed.items() if value.strip()})


def _value(name: str, source: str, names: Sequence[str]) -> str:
    if name not in names:
        # What stands before '=' may be the secret itself, so it is not repeated.
        raise Refused("--secret names none of the secrets there are", f"{_HINT}; NAME is one of {', '.join(names)}")
    kind, _, where = source.partition(":")
    if source == "-":
        return sys.stdin.read().rstrip("\r\n")
    if kind == "env" and where:
        if where not in os.environ:
            raise Refused(f"{name}: the variable {where} is not set", "Export it, or name another source")
        return os.environ[where].rstrip("\r\n")
    if kind == "file" and where:
        return _file(where).rstrip("\r\n")
    raise Refused(
        f"--secret {name}=… does not say where the secret is",
        f"{_HINT}. If that was the secret itself, replace it at its provider: arguments are seen by others",
    )


def _document(path: str) -> dict[str, str]:
    text = sys.stdin.read() if path == "-" else _file(path)
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        where = "standard input" if path == "-" else path
        raise Refused(f"{where} is not a JSON object of texts", f'Write {{"{SECRETS[0]}": "…", "{SECRETS[1]}": "…"}}')
    return found


def _file(path: str) -> str:
    try:
        return Path(path).expanduser().read_text("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{path} is no text", "Give an armored key, or text in UTF-8") from None
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "Name a file that this user may read") from error
