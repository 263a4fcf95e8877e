"""Accept what clients send: who may, what of it can be used, and the log's word that it is safe.

This runs in the event loop of the collector, so nothing here waits; the answer comes by a callback from the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from footfall.errors import FootfallError
from footfall.model.address import shortened
from footfall.model.instants import to_us
from footfall.model.privacy import Policy
from footfall.model.reading import Dialect, Reading, Rejected
from footfall.model.tag import served_settings
from footfall.ports import Batch, Clock, Log, Privacy, Source, Sources

_REMEMBERED_MAX: Final = 10_000
_UNKNOWN_FRESH_S: Final = 0.1
_USER_AGENT_CHARS_MAX: Final = 1_000


class Doorkeeper:
    """Knows which source a write key belongs to, without asking the store for each request.

    The list of sources is read at most every ``fresh_s`` seconds, so a key that is revoked is known as such that soon.
    For a key that is not in it the list is read again, at most ten times a second: who has just made a key uses it at
    once, and a page that hears that its key is unknown does not ask again. While the store cannot be read the last list
    holds for ``stale_s``; then nobody is let in, and what is wrong with it is raised: who cannot be checked is not
    trusted. monotonic: seconds that only rise.
    """

    def __init__(
        self,
        sources: Sources,
        clock: Clock,
        monotonic: Callable[[], float],
        *,
        fresh_s: float = 2.0,
        stale_s: float = 30.0,
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._monotonic = monotonic
        self._fresh_s = fresh_s
        self._stale_s = stale_s
        self._tried_at = self._read_at = float("-inf")
        self._by_digest: dict[str, Source] = {}
        self._by_key: dict[str, Source] = {}

    def source(self, write_key: str) -> Source | None:
        """The source whose valid key this is; None for a key that is unknown or revoked."""
        now = self._monotonic()
        if now - self._tried_at >= self._fresh_s:
            self._refresh(now)
        found = self._known(write_key)
        # Not of a store that did not answer: strangers must not have every request wait for it.
        if found is None and now - self._tried_at >= _UNKNOWN_FRESH_S and self._read_at == self._tried_at:
            self._refresh(now)
            found = self._known(write_key)
        return found

    def _known(self, write_key: str) -> Source | None:
        found = self._by_key.get(write_key)
        if found is None:
            found = self._by_digest.get(hashlib.sha256(write_key.encode("utf-8", "replace")).hexdigest())
            if found is not None and len(self._by_key) < _REMEMBERED_MAX:
                self._by_key[write_key] = found
        return found

    def _refresh(self, now: float) -> None:
        self._tried_at = now
        try:
            sources = self._sources.all()
        except FootfallError:
            if now - self._read_at > self._stale_s:
                self._tried_at = float("-inf")
                raise
            return
        instant = self._clock()
        self._by_digest = {s.key_sha256: s for s in sources if s.revoked_at is None or s.revoked_at > instant}
        self._by_key = {}
        self._read_at = now


class Collect:
    """The use case: a body of a known source, read by its dialect, appended to the log.

    dialects: name -> its ``read``. privacy: what of an event may be kept, decided here, before anything is stored;
    without it only ``addresses`` does: what of a client's address is kept (``none``, ``truncated`` or ``full``).
    place: where a whole address is, see ``Batch.place``; asked only where a policy lets places be inferred.
    user_key: the key with which a source's users are proven, None where they need not be. unproven: see
    ``wire.user_hash``.
    """

    def __init__(
        self,
        log: Log,
        doorkeeper: Doorkeeper,
        dialects: Mapping[str, Dialect],
        clock: Clock,
        *,
        addresses: str = "truncated",
        user_agents: bool = True,
        privacy: Privacy | None = None,
        place: Callable[[str], str] = lambda address: "",
        user_key: Callable[[str], bytes | None] = lambda source: None,
        unproven: Callable[[str, str, bytes, bytes], list[Rejected]] = lambda dialect, call, body, key: [],
    ) -> None:
        self._user_key = user_key
        self._unproven = unproven
        self._log = log
        self._doorkeeper = doorkeeper
        self._dialects = dialects
        self._clock = clock
        self._usual = Policy(addresses=addresses)
        self._user_agents = user_agents
        self._privacy = privacy
        self._place = place

    def now(self) -> datetime:
        """The time at which what comes now is received."""
        return self._clock()

    def source(self, write_key: str) -> Source | None:
        return self._doorkeeper.source(write_key) if write_key else None

    def read(self, dialect: str, call: str, text: bytes) -> Reading:
        """Judge a body. Raises ``BadRecord`` when it cannot be used as a whole."""
        return self._dialects[dialect](text, call)

    def tag_settings(self, source: Source) -> Mapping[str, Any]:
        """What the browser tag of a source is told: what it notices, and what may be told of addresses and people."""
        return served_settings(source.tag, self._usual if self._privacy is None else self._privacy.policy(source.name))

    def proven(self, source: Source, dialect: str, call: str, reading: Reading) -> Reading:
        """A reading without the events that name users who are not proven, where the source asks for proof.

        dialect: of the body of the reading. Raises ``BadRecord`` (``too_deep``) when nobody can look for proof in it.
        """
        key = self._user_key(source.name)
        if key is None:
            return reading
        known = {each[0] for each in reading.rejected}
        more = [each for each in self._unproven(dialect, call, reading.body, key) if each[0] not in known]
        return replace(reading, rejected=tuple(sorted((*reading.rejected, *more))))

    def batch(
        self,
        source: Source,
        dialect: str,
        call: str,
        reading: Reading,
        address: str,
        user_agent: str,
        *,
        gpc: bool = False,
        dnt: bool = False,
    ) -> Batch | None:
        """A reading as it goes to the log, with what is kept of the client; None when nothing of it is.

        gpc, dnt: whether the client asked not to be shared (``Sec-GPC``) or not to be tracked (``DNT``). Raises as
        ``Privacy.tokens`` when a token is needed and cannot be made.
        """
        privacy = self._privacy
        policy = self._usual if privacy is None else privacy.policy(source.name)
        signal = policy.signalled(gpc=gpc, dnt=dnt) if privacy is not None and (gpc or dnt) else "allow"
        if signal == "drop":
            return None
        known = signal == "allow"
        batch = Batch(
            received_at=to_us(self._clock()),
            source=source.name,
            dialect=dialect,
            call=call,
            count=reading.count,
            rejected=reading.rejected,
            address=shortened(address, policy.addresses) if known else "",
            user_agent=user_agent[:_USER_AGENT_CHARS_MAX] if known and self._user_agents else "",
            body=reading.body,
            place=self._place(address) if known and policy.inference else "",
        )
        return batch if privacy is None else privacy.kept(batch, signal)

    def submit(self, batch: Batch, done: Callable[[int | Exception], None]) -> None:
        """Give a batch to the log. ``done`` is called once, from the log's thread, when it is safe or refused."""
        self._log.submit(batch, done)
