"""Privacy policies: which are in force, and events after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from footfall.model.privacy import Policy, Tokens
    from footfall.ports.log import Batch


class Policies(Protocol):
    """The policies as people wrote them, by source; that of the deployment under ``*``.

    1. A policy says only what is different from the deployment's; that of the deployment, from the settings.
    2. Nothing that was stored before is changed by a change of policy.
    """

    def all(self) -> Mapping[str, Mapping[str, Any]]: ...

    def put(self, source: str, plain: Mapping[str, Any] | None) -> None:
        """Replace the policy of a source; with None it has none any more."""


class Privacy(Protocol):
    """What becomes of events before anything is stored.

    1. ``kept`` returns a batch of which nothing has to be hidden any more, the batch itself where nothing had to be
       before, or None when no event of it is stored.
    2. A batch that passes twice is changed once.
    """

    def policy(self, source: str) -> Policy: ...

    def kept(self, batch: Batch, signal: str = "allow") -> Batch | None:
        """signal: ``allow``, or ``anonymise`` when the client does not want to be known."""

    def tokens(self) -> Tokens:
        """What makes tokens; its key is drawn when there is none yet.

        Raises ``Refused`` when the key was lost or exchanged: another one would make everybody somebody else.
        """
