"""Server settings: where each value comes from, and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from footfall.config import Settings, load_settings
from footfall.errors import Refused


def load(environment=None, **flags):
    return load_settings(environment=environment or {}, **flags)


def test_nothing_given_is_all_defaults_and_says_so():
    settings = load()
    assert settings == Settings()
    assert settings.origin("port") == "default"
    assert not settings.given("port")


def test_flags_override_the_environment_and_that_the_file(tmp_path):
    config = tmp_path / "server.toml"
    config.write_text('# ours\ntime_zone = "Europe/Athens"\nport = 1\nadmin_port = 2\nhost = "0.0.0.0"\n')
    settings = load({"FOOTFALL_PORT": "11", "FOOTFALL_ADMIN_PORT": "12"}, config=config, port=21, host=None)
    assert (settings.port, settings.admin_port, settings.host) == (21, 12, "0.0.0.0")
    assert settings.origin("port") == "flag"
    assert settings.origin("admin_port") == "FOOTFALL_ADMIN_PORT"
    assert settings.origin("time_zone") == f"{config}:2"
    assert settings.origin("memory_mb") == "default"


def test_a_value_that_equals_its_default_is_still_given():
    assert load({"FOOTFALL_PORT": "8080"}).given("port")


def test_the_file_may_be_named_by_the_environment(tmp_path):
    (tmp_path / "a.toml").write_text("port = 1\n")
    assert load({"FOOTFALL_CONFIG": str(tmp_path / "a.toml")}).port == 1


def test_every_kind_of_value_is_read():
    settings = load(
        {
            "FOOTFALL_DATA": "/srv/data",
            "FOOTFALL_SUBSCRIPTION_ID": "9b2f6f0e-5d0c-4c5a-9d0a-0d2a2f0f5a11",
            "FOOTFALL_TRUSTED_PROXIES": "10.0.0.1, 10.0.0.2",
            "FOOTFALL_SETTLE_EVERY_S": "0.5",
            "FOOTFALL_STORE_IP": "none",
            "FOOTFALL_FILE_PREFIX": "",
        }
    )
    assert settings.data == Path("/srv/data")
    assert settings.subscription_id == UUID("9b2f6f0e-5d0c-4c5a-9d0a-0d2a2f0f5a11")
    assert settings.trusted_proxies == ("10.0.0.1", "10.0.0.2")
    assert settings.settle_every_s == 0.5
    assert (settings.store_ip, settings.file_prefix) == ("none", "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("prot = 1", ":3: there is no setting 'prot'. Did you mean port?", id="a slip"),
        pytest.param("[server]\nport = 1", ":3: there is no setting 'server'", id="a table"),
        pytest.param("port = 70000", ":3: port must be a whole number from 0 to 65535, not 70000", id="too large"),
        pytest.param("port = true", ":3: port must be a whole number", id="a truth for a number"),
        pytest.param('time_zone = "Athens"', ":3: time_zone must be an IANA time zone", id="no zone"),
        pytest.param('store_ip = "some"', ":3: store_ip must be one of none, truncated, full", id="unknown word"),
        pytest.param('subscription_id = "7"', ":3: subscription_id must be a UUID", id="no UUID"),
        pytest.param('file_prefix = "a/b"', ":3: file_prefix may hold letters", id="a slash in a name"),
        pytest.param("settle_every_s = 0", ":3: settle_every_s must be a number of seconds", id="no pause"),
        pytest.param("trusted_proxies = [1]", ":3: trusted_proxies must be a list of texts", id="not texts"),
        pytest.param("link_hours = 25", ":3: link_hours must be a whole number from 1 to 24", id="more than a day"),
        pytest.param("port 1", "is no TOML", id="no TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_line(tmp_path, line, said):
    config = tmp_path / "server.toml"
    config.write_text(f"# ours\n\n{line}\n")
    with pytest.raises(Refused) as caught:
        load(config=config)
    assert str(caught.value).startswith(str(config))
    assert said in str(caught.value)


def test_a_mistake_elsewhere_is_named_by_its_variable_or_flag():
    with pytest.raises(Refused, match=r"FOOTFALL_PROT: there is no setting 'prot'\. Did you mean port"):
        load({"FOOTFALL_PROT": "1"})
    with pytest.raises(Refused, match="--admin-port: admin_port must be a whole number"):
        load(admin_port=-1)


def test_a_secret_is_never_repeated_in_an_error():
    with pytest.raises(Refused) as caught:
        load({"FOOTFALL_ADMIN_TOKEN": "s3cr t"})
    assert "s3cr" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refused, match=r"nowhere\.toml: No such file"):
        load(config=tmp_path / "nowhere.toml")


def test_master_keys_are_read_newest_first_and_shown_nowhere():
    one, two = "A" * 43 + "=", "B" * 43 + "="
    settings = load({"FOOTFALL_MASTER_KEYS": f"new:{one},old:{two}"})
    assert list(settings.master_keys) == ["new", "old"]
    assert settings.master_keys["old"] == b"\x04\x10\x41" * 10 + b"\x04\x10"
    assert one not in repr(settings)
    for unfit in ("secret-without-an-id", "k:secret-too-short", f"k:{one},k:{two}"):
        with pytest.raises(Refused, match="FOOTFALL_MASTER_KEYS: master_keys must be written id:base64") as refused:
            load({"FOOTFALL_MASTER_KEYS": unfit})
        assert "secret" not in str(refused.value)
        assert one not in str(refused.value)


@pytest.mark.parametrize(("value", "means"), [("true", True), ("false", False)])
def test_private_endpoints_are_allowed_by_a_clear_word_only(value, means):
    assert load({"FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": value}).allow_private_endpoints is means
    for word in ("yes", "1", ""):
        with pytest.raises(Refused, match="must be true or false"):
            load({"FOOTFALL_ALLOW_PRIVATE_ENDPOINTS": word})


def test_the_passphrase_of_a_command_is_no_setting():
    assert load({"FOOTFALL_PGP_PASSPHRASE": "correct horse"}) == Settings()
