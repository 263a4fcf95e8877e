"""Folders and files as people write them, made whole before anybody reads them elsewhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from footfall.model.remote import is_relative


def whole(url: str, folder: Path) -> str:
    """An address whose folder no longer depends on who reads it: a relative one begins at ``folder``.

    Any other address stays as it is, and so does nothing at all. ``~`` is the home of who runs this.
    """
    if not url or not is_relative(url):
        return url
    named = unquote(url.removeprefix("file:")) if url.startswith("file:") else url
    return str(folder.absolute() / Path(named).expanduser())
