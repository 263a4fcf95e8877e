"""A front to an S3 server that looks at the condition of a create and then creates, so that two may do both."""

from __future__ import annotations

import http.client
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

WAIT_S = 30
_HOP = {"connection", "expect", "transfer-encoding", "keep-alive"}


class RacingFront:
    """Two conditional creates of a key, begun by two writers, are both told of success; the later one is there.

    url: where it listens. upstream: the server behind, which is asked to create without a condition by ``client``, as
    a front cannot sign. Everything else goes through as it is.
    """

    def __init__(self, upstream: str, client: Any) -> None:
        self.upstream, self.client = urlsplit(upstream).netloc, client
        self.looked, self.created = threading.Barrier(2), threading.Barrier(2)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"front": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(WAIT_S)

    def create(self, path: str, headers: Any, body: bytes) -> str:
        """Create when both have looked; the ETag, when both have created."""
        parts = urlsplit(path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        self.looked.wait(WAIT_S)
        upload = parse_qs(parts.query).get("uploadId")
        if upload is None:
            metadata = {name[11:]: value for name, value in headers.items() if name.lower().startswith("x-amz-meta-")}
            answer = self.client.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)
        else:
            answer = self.client.complete_multipart_upload(
                Bucket=bucket, Key=key, UploadId=upload[0], MultipartUpload={"Parts": _parts(body.decode())}
            )
        self.created.wait(WAIT_S)
        return str(answer["ETag"])


def _parts(text: str) -> list[dict[str, Any]]:
    found = []
    for part in re.findall(r"<Part>(.*?)</Part>", text, re.DOTALL):
        said = dict(re.findall(r"<(\w+)>([^<]*)</", part))
        said["ETag"] = said["ETag"].replace("&quot;", '"')
        found.append({**said, "PartNumber": int(said["PartNumber"])})
    return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: RacingFront

    def _relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "If-None-Match" in self.headers:
            etag = self.front.create(self.path, self.headers, body)
            said = f"<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>".encode()
            self._answer(200, [("ETag", etag), ("Content-Type", "application/xml")], said)
            return
        behind = http.client.HTTPConnection(self.front.upstream, timeout=WAIT_S)
        behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP:
                behind.putheader(name, value)
        behind.endheaders(body)
        answer = behind.getresponse()
        self._answer(answer.status, answer.getheaders(), answer.read())
        behind.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        # Of a HEAD the length is the object's.
        kept = {"content-length"} if self.command != "HEAD" else set()
        for name, value in headers:
            if name.lower() not in _HOP | kept:
                self.send_header(name, value)
        if kept:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _relay  # noqa: N815 - the names of http.server

    def log_message(self, format: str, *args: object) -> None:
        pass
