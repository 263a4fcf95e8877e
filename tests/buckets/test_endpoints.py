"""An endpoint kept in a configuration is no way into the network behind the server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import weed

from footfall.buckets.endpoints import addresses_of, check_endpoint, is_public
from footfall.buckets.places import Access, open_place
from footfall.errors import FootfallError, Refused, Unavailable

ACCESS = Access("KEYID00000000000", "the-secret", region="eu-west-1")

INSIDE = [
    pytest.param("127.0.0.1", id="loopback"),
    pytest.param("127.1", id="loopback, short"),
    pytest.param("0177.0.0.1", id="loopback, octal"),
    pytest.param("0x7f.1", id="loopback, hexadecimal"),
    pytest.param("2130706433", id="loopback, one number"),
    pytest.param("0", id="this host"),
    pytest.param("localhost", id="loopback by name"),
    pytest.param("[::1]", id="loopback of IPv6"),
    pytest.param("[::]", id="any address of IPv6"),
    pytest.param("[::ffff:127.0.0.1]", id="IPv4-mapped loopback"),
    pytest.param("[::ffff:169.254.169.254]", id="IPv4-mapped metadata"),
    pytest.param("[::7f00:1]", id="IPv4-compatible loopback"),
    pytest.param("[64:ff9b::a9fe:a9fe]", id="metadata through NAT64"),
    pytest.param("[64:ff9b:1::a9fe:a9fe]", id="metadata through local NAT64"),
    pytest.param("[2002:7f00:1::]", id="loopback through 6to4"),
    pytest.param("[2002:a9fe:a9fe::]", id="metadata through 6to4"),
    pytest.param("[2001:0:4136:e378:8000:63bf:3fff:fdd2]", id="Teredo"),
    pytest.param("169.254.169.254", id="metadata of AWS, Google and Azure"),
    pytest.param("169.254.170.2", id="credentials of containers"),
    pytest.param("[fd00:ec2::254]", id="metadata of AWS, IPv6"),
    pytest.param("168.63.129.16", id="wire server of Azure"),
    pytest.param("100.100.100.200", id="metadata of Alibaba"),
    pytest.param("192.0.0.192", id="metadata of Oracle"),
    pytest.param("10.0.0.1", id="private 10"),
    pytest.param("172.16.0.1", id="private 172.16"),
    pytest.param("192.168.0.1", id="private 192.168"),
    pytest.param("100.64.0.1", id="carrier-grade NAT"),
    pytest.param("[fe80::1]", id="link-local"),
    pytest.param("[fe80::1%1]", id="link-local with its interface"),
    pytest.param("[fc00::1]", id="unique local"),
    pytest.param("[fec0::1]", id="site-local"),
    pytest.param("224.0.0.1", id="multicast"),
    pytest.param("[ff02::1]", id="multicast of IPv6"),
    pytest.param("255.255.255.255", id="broadcast"),
    pytest.param("240.0.0.1", id="reserved"),
]


class Canary:
    """Listens on this machine and counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.visits = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    canary = Canary()
    yield canary
    canary.close()


@pytest.mark.parametrize("host", INSIDE)
def test_no_way_of_writing_an_inner_address_leads_there(host: str, canary: Canary) -> None:
    url = f"https://{host}:{canary.port}"
    place = open_place("s3://my-bucket/a", ACCESS, endpoint_url=url, public_only=True)
    with pytest.raises(FootfallError) as caught:
        place.put("a", [b"x"], content_type="x/y")
    assert canary.visits == 0
    if isinstance(caught.value, Unavailable):  # this machine's resolver does not know the notation at all
        assert "no connection to" in caught.value.what
    else:
        assert "is not a public address" in caught.value.what
        assert "allow_private_endpoints" in caught.value.hint


def test_a_name_that_leads_inside_the_second_time_gains_nothing(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([["192.88.98.1"], ["127.0.0.1"]])  # the first is public, and nobody is there
    asked: list[str] = []

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        found = next(answers, ["127.0.0.1"])
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        assert address[0] == "192.88.98.1", "connected to an address that was not checked"
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr("footfall.buckets.endpoints.create_connection", connect)
    bucket = open_place("s3://b-b/a", ACCESS, endpoint_url=f"https://evil.example:{canary.port}", public_only=True)
    with pytest.raises(Refused, match=r"127\.0\.0\.1, which is not a public address"):
        bucket.put("a", [b"x"], content_type="x/y")
    assert canary.visits == 0
    assert asked[:2] == ["evil.example", "evil.example"]


def test_one_inner_address_among_public_ones_is_refused() -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (each, port)) for each in ("1.1.1.1", "10.0.0.1")]

    with pytest.raises(Refused, match=r"is at 10\.0\.0\.1"):
        addresses_of("half.example", 443, private=False, resolve=resolve)
    assert addresses_of("half.example", 443, private=True, resolve=resolve) == ["1.1.1.1", "10.0.0.1"]


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "52.218.0.1", "2606:4700::1111", "2a00:1450:4001:80b::2010"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://s3.example.com", "not https"),
        ("https://s3.example.com:25", "another service"),
        ("https://s3.example.com:80", "another service"),
        ("ftp://s3.example.com", "not the address of a server"),
        ("https://", "not the address of a server"),
        ("s3.example.com", "not the address of a server"),
        ("https://user:word@s3.example.com", "a user"),
        ("https://s3.example.com/?x=1", "a query"),
        ("https://s3.example.com/#x", "a fragment"),
        ("https://s3.example.com /", "a space"),
        ("https://s3.example.com:99999", "no address"),
        ("https://[::1", "no address"),
    ],
)
def test_an_endpoint_that_is_not_plain_https_is_refused(url: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        check_endpoint(url, private=False)


@pytest.mark.parametrize("url", ["https://s3.example.com", "https://s3.example.com:9000/", "https://x.example/storage"])
def test_a_public_https_endpoint_is_taken(url: str) -> None:
    assert check_endpoint(url, private=False) == url.rstrip("/")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "http://minio:80"])
def test_who_runs_the_machine_may_name_any_server(url: str) -> None:
    assert check_endpoint(url, private=True) == url


def test_the_operators_own_flag_reaches_a_server_of_ones_own() -> None:
    server = weed.server()
    name = server.bucket("own-server")
    bucket = open_place(f"s3://{name}", Access(*weed.ADMIN), endpoint_url=server.url)
    bucket.put("a", [b"x"], content_type="x/y")
    assert b"".join(bucket.open("a")) == b"x"


def test_a_server_that_sends_on_is_not_followed(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that passes the checks answers with redirects to a place inside."""
    from fronts import SendingOn

    front = SendingOn(weed.secure_server().tls_url, f"http://127.0.0.1:{canary.port}/inside")
    try:
        bucket = open_place("s3://b-b/a", Access(*weed.ADMIN), endpoint_url=front.url)
        for call in (lambda: bucket.put("a", [b"x"], content_type="x/y"), lambda: list(bucket.list())):
            with pytest.raises(FootfallError):
                call()
        assert front.calls
        assert canary.visits == 0
    finally:
        front.close()


def test_a_request_to_another_host_than_the_endpoint_is_never_sent(canary: Canary) -> None:
    bucket = open_place("s3://b-b/a", ACCESS, endpoint_url="https://s3.example.com", public_only=True)

    def elsewhere(request: Any, **_: Any) -> None:
        request.url = f"https://other.example:{canary.port}/"

    bucket.client.meta.events.register_first("before-send", elsewhere)  # type: ignore[attr-defined]
    with pytest.raises(Refused, match=r"sends on to other\.example"):
        bucket.put("a", [b"x"], content_type="x/y")
    assert canary.visits == 0
