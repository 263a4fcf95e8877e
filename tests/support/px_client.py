"""A client of PX's REST API that knows another base address, and a server to send it to."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import urlencode

from served_api import Answer, Api

WRITE_KEY = "wk_px_0123456789"


class Client:
    """A client of the vendor's API that knows another base address."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.keys = {scope: api.key(scope, f"px-{scope}") for scope in ("metrics", "read", "write", "admin")}

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = "admin", raw: bytes | None = None,
        **query: Any,
    ) -> Answer:  # fmt: skip
        """Send a request; body as JSON, raw as it is."""
        sent = raw if raw is not None else None if body is None else json.dumps(body)
        given = self.keys.get(key, key) if key else None
        headers = {"content-type": "application/json"} | ({"X-APTRINSIC-API-KEY": given} if given else {})
        line = http.client.HTTPConnection("127.0.0.1", self.api.collector_port, timeout=60)
        try:
            target = (path if path.startswith("/px/") else f"/px/v1{path}") + (
                f"?{urlencode(query, doseq=True)}" if query else ""
            )
            line.request(method, target, sent, headers)
            answer = line.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            line.close()

    def get(self, path: str, **query: Any) -> Any:
        answer = self.ask("GET", path, key="read", **query)
        assert answer.status == 200, answer.text
        return answer.body

    def every(self, path: str, key: str, size: int = 2, **query: Any) -> list[Any]:
        """All pages, as the vendor says to read them; the scrollId alone is sent again."""
        found: list[Any] = []
        page = self.get(path, pageSize=size, **query)
        while True:
            found += page[key]
            if len(page[key]) < size:
                assert len(found) == page["totalHits"]
                return found
            page = self.get(path, scrollId=page["scrollId"])

    def send(self, *events: dict[str, Any]) -> None:
        """Send native events and wait until they are settled."""
        self.post_events(*events)
        for _ in range(200):
            state = self.api.ask("GET", "/readyz").body
            if state["settled"] == state["log_end"]:
                return
            time.sleep(0.05)
        raise AssertionError("not settled")

    def post_events(self, *events: dict[str, Any]) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self.api.collector_port, timeout=60)
        line.request("POST", "/events", json.dumps(list(events)), {"X-Write-Key": WRITE_KEY})
        assert json.loads(line.getresponse().read()) == {"success": True, "status": 1}
        line.close()
