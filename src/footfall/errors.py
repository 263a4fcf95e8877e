"""Every deliberate error, grouped by what the caller should do about it.

    FootfallError
    ├── Unavailable   wait and try again
    ├── Refused       nothing changes until a person changes something
    │   ├── Denied    … and that is about credentials or permissions
    │   └── Missing   … and that is because there is nothing of that name
    ├── Conflict      somebody else got there first
    ├── BadRecord     skip this record, keep its neighbours
    └── Damaged       stored bytes are not what was stored

Foreign exceptions are translated once, in the adapter, ``from`` the original.
"""

from __future__ import annotations


class FootfallError(Exception):
    """Base of all deliberate errors.

    what: one sentence that names the thing and the place.
    hint: what a person can do next; empty when there is nothing to do but wait.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}. {self.hint}" if self.hint else self.what


class Unavailable(FootfallError):
    """Wait and try again.

    retry_after_s: whole seconds after which trying again makes sense.
    """

    def __init__(self, what: str, hint: str = "", *, retry_after_s: int = 1) -> None:
        super().__init__(what, hint)
        self.retry_after_s = retry_after_s


class Refused(FootfallError):
    """Trying again will not help until a person changes something."""


class Denied(Refused):
    """The credentials are not accepted, are over, or may not do this.

    Whoever works on a schedule stops after the first one and says so: asking again only looks like an attack.
    action: the missing permission (``s3:PutObject``); empty when the credentials themselves are refused.
    passes: the credentials are right, and will be accepted once they are renewed.
    """

    def __init__(self, what: str, hint: str = "", *, action: str = "", passes: bool = False) -> None:
        super().__init__(what, hint)
        self.action = action
        self.passes = passes


class Missing(Refused):
    """There is nothing of the name that was asked for."""


class Conflict(FootfallError):
    """Another worker holds the lock, or an object with other bytes is already there."""


class BadRecord(FootfallError):
    """One input record cannot be used; the rest can.

    code: a short stable word, for counters and for programs (``missing_user``). field: the one at fault, if it is one.
    """

    def __init__(self, code: str, what: str, hint: str = "", *, field: str = "") -> None:
        super().__init__(what, hint)
        self.code = code
        self.field = field


class Damaged(FootfallError):
    """Stored bytes are not what was stored: a checksum, a size or a count is off."""
