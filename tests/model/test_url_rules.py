"""Rules about URLs: compared with stepping through segments, one page at a time."""

from __future__ import annotations

import random
import re

import pytest

from footfall.errors import Refused
from footfall.model.url_rules import read_host, read_url_rule, subject_of

SEGMENTS = ("orders", "5", "items", "a-b", "")


def fits(rule: list[str], path: list[str]) -> bool:
    """``**`` is any number of segments, ``*`` stands for anything within one."""
    if not rule:
        return not path
    if rule[0] == "**":
        return any(fits(rule[1:], path[skipped:]) for skipped in range(len(path) + 1))
    if not path:
        return False
    wanted = "^" + ".*".join(re.escape(each) for each in rule[0].split("*")) + "$"
    return re.match(wanted, path[0]) is not None and fits(rule[1:], path[1:])


@pytest.mark.parametrize("seed", range(20))
def test_wildcards_go_through_the_steps_of_a_path(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(100):
        rule = [rng.choice(("**", "*", "orders", "5", "it*", "*s", "a-b")) for _ in range(rng.randrange(1, 5))]
        path = [rng.choice(SEGMENTS[:4]) for _ in range(rng.randrange(0, 6))]
        regex = read_url_rule("/" + "/".join(rule)).regex
        url = "https://shop.example/" + "/".join(path)
        assert (re.fullmatch(regex, url) is not None) == (
            fits(rule, path) or (not path and fits(rule, [""]))
        ), (rule, path)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "match", "url", "holds"),
    [
        ("/", "wildcard", "https://shop.example", True),
        ("/", "wildcard", "https://shop.example/a", False),
        ("/orders", "wildcard", "https://shop.example/orders/", True),
        ("/orders/", "wildcard", "https://shop.example/orders", True),
        ("/orders/**", "wildcard", "https://shop.example/orders", True),
        ("/orders/*", "wildcard", "https://shop.example/orders", False),
        ("/orders/*", "wildcard", "/orders/5", True),
        ("/orders", "wildcard", "https://shop.example/Orders", False),
        ("shop.example/orders", "wildcard", "https://SHOP.example:8443/orders", True),
        ("*.example/**", "wildcard", "https://shop.example/a/b", True),
        ("*.example/**", "wildcard", "https://example/a/b", False),
        ("shop.example:80/a", "wildcard", "http://shop.example:81/a", False),
        ("http://shop.example/a", "wildcard", "https://shop.example/a", False),
        ("*://shop.example/a", "wildcard", "https://shop.example/a", True),
        ("**/edit", "wildcard", "https://shop.example/a/b/edit", True),
        ("shop.example", "wildcard", "https://other.example/shop.example", False),
        ("/a*", "exact", "https://shop.example/a*", True),
        ("/a*", "exact", "https://shop.example/ab", False),
        ("/a(b", "wildcard", "https://shop.example/a(b", True),
        ("orders", "contains", "https://shop.example/my-orders/5", True),
        ("/ord", "starts", "https://shop.example/orders", True),
        ("/ord", "starts", "https://shop.example/x/orders", False),
        ("/5", "ends", "https://shop.example/orders/5/", True),
        (r"/orders/\d+$", "pattern", "https://shop.example/orders/55", True),
    ],
)
def test_a_rule_says_where_as_people_write_it(rule: str, match: str, url: str, holds: bool) -> None:
    assert (re.fullmatch(read_url_rule(rule, match).regex, url) is not None) == holds


def test_query_and_hash_are_left_out_and_hosts_have_wildcards_and_ports() -> None:
    assert subject_of("https://a.example/b?c=1#d?e") == "https://a.example/b"
    for host, url, holds in (
        ("shop.example", "https://shop.example/a", True),
        ("shop.example", "https://shop.example:8443", True),
        ("*.shop.example", "https://eu.shop.example/", True),
        ("shop.example", "https://shop.example.evil/", False),
        ("localhost:3000", "http://localhost:3001/", False),
    ):
        assert (re.fullmatch(read_host(host), url) is not None) == holds, (host, url)


@pytest.mark.parametrize("rule", ["", " ", "/" * 3000])
def test_a_rule_about_nothing_is_refused(rule: str) -> None:
    with pytest.raises(Refused):
        read_url_rule(rule)


@pytest.mark.parametrize("host", ["", "a b", "https://a.example", "a.example/b"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(Refused, match="no host"):
        read_host(host)
