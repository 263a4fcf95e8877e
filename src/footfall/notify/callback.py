"""``ports.Messenger`` as an HTTP POST with an API key in a header (see ``posting``), as status callbacks have it.

Source: PX, S3 account and user import ("API Key for the status callback endpoint").
"""

from __future__ import annotations

import json

from footfall.model.channels import Channel
from footfall.model.notices import Notice
from footfall.notify.dialing import Addresses
from footfall.notify.posting import TOTAL_TIMEOUT_S, Poster
from footfall.notify.texts import payload


class Callback:
    """See ``ports.Messenger``. api_key: the value of the channel's header, which is sent over to the receiver as it is.

    Of a notice with facts the body is these; of any other what a webhook gets. addresses: see ``Webhook``.
    """

    def __init__(
        self,
        channel: Channel,
        api_key: str,
        *,
        addresses: Addresses,
        agent: str,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> None:
        self._poster = Poster(
            "callback", channel.url, channel.ca_bundle,
            addresses=addresses, agent=agent, total_timeout_s=total_timeout_s,
        )  # fmt: skip
        self._header = {channel.key_header: api_key}

    def send(self, notice: Notice) -> None:
        told = {"id": notice.id, **(notice.message.facts or payload(notice))}
        self._poster.post(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(), self._header)
