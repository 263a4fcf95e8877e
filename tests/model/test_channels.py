"""Channels and rules that could not work are refused when they are made."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from footfall.errors import Refused
from footfall.model.channels import (
    IMPORTED,
    OCCASIONS,
    Channel,
    Rule,
    check_addresses,
    check_secrets,
    read_channel,
    read_rule,
    signing_key,
)

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
MAIL = {"host": "smtp.example.com", "sender": "hub@example.com", "to": ("ops@example.com",)}
SIGNING = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5ISE="


def channel(kind: str = "mail", **more) -> Channel:
    address = {"url": "https://example.com/hook"}
    settings = {"mail": MAIL, "webhook": address, "callback": {**address, "header": "x-status-key"}, "apprise": {}}[
        kind
    ]
    return Channel(name="ops", kind=kind, created_at=AT, **{**settings, **more})


@pytest.mark.parametrize("kind", ["mail", "webhook", "callback", "apprise"])
def test_a_channel_comes_back_from_its_plain_form(kind):
    assert read_channel(channel(kind).plain(), AT) == channel(kind)


def test_a_rule_comes_back_from_its_plain_form():
    rule = Rule(name="nightly", channel="ops", jobs=("daily-*",), on=("done",), to=("a@example.com",), patience=3)
    assert read_rule(rule.plain()) == rule
    assert read_rule({"name": "nightly", "channel": "ops"}) == Rule(name="nightly", channel="ops")


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("mail", {"host": "smtp example"}, "names no mail server"),
        ("mail", {"host": ""}, "names no mail server"),
        ("mail", {"security": "ssl"}, "security 'ssl'"),
        ("mail", {"port": 70000}, "no port"),
        ("mail", {"sender": "hub@example.com\r\nBcc: all@example.com"}, "no mail address"),
        ("mail", {"url": "https://example.com"}, "no use for url"),
        ("webhook", {"url": "ftp://example.com"}, "address of the webhook"),
        ("webhook", {"url": "https://user:canary@example.com"}, "address of the webhook"),
        ("webhook", {"url": "https://example.com/?token=canary"}, "address of the webhook"),
        ("webhook", {"url": "https://example.com/a b"}, "address of the webhook"),
        ("webhook", {"url": "https://example.com/?"}, "address of the webhook"),
        ("webhook", {"url": "https://example.com/#"}, "address of the webhook"),
        ("webhook", {"url": "HTTPS://example.com/"}, "address of the webhook"),
        ("webhook", {"to": ("ops@example.com",)}, "no use for to"),
        ("webhook", {"header": "x-api-key"}, "no use for header"),
        ("callback", {"url": "https://example.com/?token=canary"}, "address of the callback"),
        ("callback", {"header": "x key"}, "header of an API key"),
        ("callback", {"header": "x-api-key\r\nhost"}, "header of an API key"),
        ("callback", {"header": "Host"}, "header of an API key"),
        ("callback", {"header": "content-length"}, "header of an API key"),
        ("apprise", {"url": "https://example.com"}, "no use for url"),
    ],
)
def test_settings_that_cannot_be_are_refused_and_no_secret_repeated(kind, more, said):
    with pytest.raises(Refused, match=said) as raised:
        channel(kind, **more)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "more", "secrets", "said"),
    [
        ("mail", {}, {"user": "hub"}, "half of a login"),
        ("mail", {"security": "none"}, {"user": "hub", "password": "canary"}, "in the clear"),
        ("mail", {}, {"signing_secret": SIGNING}, "no use for signing_secret"),
        ("mail", {}, {"user": "hub", "password": "canary\r\nRCPT"}, "more than one line"),
        ("webhook", {}, {}, "lacks the secret signing_secret"),
        ("webhook", {}, {"signing_secret": "canary"}, "base64"),
        ("callback", {}, {}, "lacks the secret api_key"),
        ("callback", {}, {"api_key": "canary\r\nhost: x"}, "more than one line"),
        ("callback", {}, {"api_key": "canary\u20ac"}, "no header can have"),
        ("apprise", {}, {}, "lacks the secret url"),
    ],
)
def test_secrets_that_do_not_fit_are_refused_and_not_repeated(kind, more, secrets, said):
    with pytest.raises(Refused, match=said) as raised:
        check_secrets(channel(kind, **more), secrets)
    assert "canary" not in str(raised.value)


def test_a_signing_secret_is_24_to_64_bytes_in_base64():
    assert len(signing_key(SIGNING)) == 32
    for bad in ("", "whsec_", "whsec_AAAA", SIGNING.removeprefix("whsec_"), "whsec_" + "A" * 100, "whsec_???"):
        with pytest.raises(Refused):
            signing_key(bad)


@pytest.mark.parametrize("address", ["ops", "a@b c", "a@b,c@d", "<a@b>", "a\n@b", "ä@example.com", "@b", "a@", 7])
def test_what_is_no_plain_address_is_refused(address):
    with pytest.raises(Refused):
        check_addresses((address,))


@pytest.mark.parametrize(
    "more",
    [{"on": ()}, {"on": ("disaster",)}, {"patience": 0}, {"jobs": ("a b",)}, {"name": "A"}, {"to": ("x",)}],
)
def test_rules_that_cannot_be_are_refused(more):
    with pytest.raises(Refused):
        Rule(**{"name": "nightly", "channel": "ops", **more})


def test_a_rule_concerns_the_jobs_it_names_and_without_names_all():
    assert Rule(name="r", channel="c").concerns("anything")
    assert Rule(name="r", channel="c", jobs=("daily-*", "users")).concerns("daily-eu")
    assert not Rule(name="r", channel="c", jobs=("daily-*", "users")).concerns("daily")


def test_there_is_a_subject_for_every_occasion():
    from footfall.notify.texts import _SUBJECTS

    assert _SUBJECTS.keys() == {*OCCASIONS, IMPORTED, "test"}


def test_a_file_of_definitions_takes_the_mail_options_of_jobs_that_deliver_files():
    from footfall.config.job_options import fitted

    given = {"email_channel": "mail", "email_to": "ana@example.com,bo@example.com"}
    for kind in ("activity", "audience"):
        assert fitted(kind, given)["email_to"] == ["ana@example.com", "bo@example.com"]
