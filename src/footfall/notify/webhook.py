"""``ports.Messenger`` as a signed HTTP POST (see ``posting``)."""

from __future__ import annotations

import json

from footfall.model.channels import Channel
from footfall.model.notices import Notice
from footfall.notify.dialing import Addresses
from footfall.notify.posting import TOTAL_TIMEOUT_S, Poster
from footfall.notify.signing import signed_headers
from footfall.notify.texts import payload
from footfall.ports import Clock


class Webhook:
    """See ``ports.Messenger``.

    url: whose address the rules for endpoints have accepted. secrets: to sign with, the current one first.
    addresses: where its host may be connected to. clock: for the timestamp that is signed.
    """

    def __init__(
        self,
        channel: Channel,
        secrets: tuple[str, ...],
        *,
        addresses: Addresses,
        clock: Clock,
        agent: str,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> None:
        self._poster = Poster(
            "webhook", channel.url, channel.ca_bundle,
            addresses=addresses, agent=agent, total_timeout_s=total_timeout_s,
        )  # fmt: skip
        self._secrets = secrets
        self._clock = clock

    def send(self, notice: Notice) -> None:
        body = json.dumps(payload(notice), ensure_ascii=False, separators=(",", ":")).encode()
        self._poster.post(body, signed_headers(notice.id, self._clock(), body, self._secrets))
