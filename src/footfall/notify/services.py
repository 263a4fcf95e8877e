"""``ports.Messenger`` over Apprise, an optional library that knows a hundred services.

It makes its connections itself, so the rules for endpoints do not hold here; the operator decides whether it may be
used (``allow_apprise``). Its address is a secret: most services put their token into it.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from footfall.errors import Refused, Unavailable
from footfall.model.notices import Notice
from footfall.notify.texts import plain, subject

# Schemes that act on this machine instead of telling somebody elsewhere.
_LOCAL: Final = frozenset(
    {"dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows", "file", "exec", "spool"}
)
_INSTALL: Final = "Install the extra: pip install 'footfall[apprise]'"


class Services:
    """See ``ports.Messenger``. url: of a service, as Apprise writes them."""

    def __init__(self, url: str) -> None:
        try:
            import apprise
        except ImportError as error:
            raise Refused("the library apprise is not installed", _INSTALL) from error
        if url.partition("://")[0].lower() in _LOCAL:
            raise Refused("that address of Apprise acts on this machine", "Give one of a service elsewhere")
        # It logs addresses, tokens included.
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        self._service: Any = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if self._service is None:
            raise Refused("Apprise does not know such an address", "See the list of services of Apprise")
        self._service.redirects = False
        self._service.socket_connect_timeout = self._service.socket_read_timeout = 10.0

    def send(self, notice: Notice) -> None:
        # Apprise has no place for an id, so it stands in the text.
        accepted = self._service.notify(title=subject(notice), body=plain(notice))
        if not accepted:
            raise Unavailable("the service behind Apprise did not take the notice", "Check its address and token")
