"""Names and types of attributes, as clients write them and as files show them."""

from __future__ import annotations

import pytest

from footfall.model.attributes import (
    ACCOUNT_ATTRIBUTES,
    ATTRIBUTES,
    USER_ATTRIBUTES,
    as_boolean,
    as_date,
    as_long,
    as_number,
    as_string,
    canonical,
    custom_type,
    flattened,
    instant_us,
    named,
)
from footfall.model.reports import ACCOUNTS, USERS


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("firstName", "firstName"),
        ("first_name", "firstName"),
        ("First Name", "firstName"),
        ("FIRSTNAME", "firstName"),
        ("role", "trackedUserRole"),
        ("tracked_user_role", "trackedUserRole"),
        ("jobTitle", "title"),
        ("createdAt", "signUpDate"),
        ("sign_up_date", "signUpDate"),
        ("location.cityName", "location_cityName"),
        ("location_city", "location_cityName"),
        ("location.continent", "location_continentCode"),
        ("lastInferredLocation.city", "lastInferredLocation_cityName"),
        ("lastInferredOrganization_location_city", "lastInferredOrganization_location_cityName"),
        ("astUserAgentData_platformVersion", "lastUserAgentData_platformVersion"),
        ("id", ""),
        ("user_id", ""),
        ("accountId", ""),
        ("numberOfVisits", ""),
        ("favouriteColour", None),
        ("name", None),
    ],
)
def test_a_user_attribute_has_one_name_however_it_is_spelled(given, name):
    assert canonical("user", given) == name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("name", "name"),
        ("company", "name"),
        ("employees", "numberOfEmployees"),
        ("number_of_employees", "numberOfEmployees"),
        ("website", "website"),
        ("address_city", None),
        ("group_id", ""),
        ("totalUsers", ""),
        ("createdAt", None),
    ],
)
def test_an_account_attribute_has_one_name_however_it_is_spelled(given, name):
    assert canonical("account", given) == name


def test_the_proof_of_who_somebody_is_is_no_attribute_of_theirs():
    assert {named("user", each) for each in ("userHash", "user_hash", "customAttribute_userHash")} == {("", None)}


def test_custom_names_keep_their_spelling_and_are_compared_without_case():
    assert named("user", "Favourite Colour") == ("favourite colour", "Favourite Colour")
    assert named("user", "customAttribute_Size") == ("size", "Size")
    assert named("user", "customAttribute_title") == ("title", None)


@pytest.mark.parametrize(
    ("entity", "given", "found"),
    [
        pytest.param("user", {"location": {"city": "A"}}, {"location_city": "A"}, id="location"),
        pytest.param("account", {"address": {"street": "S"}}, {"location_street": "S"}, id="Segment's address"),
        pytest.param("user", {"address": {"country": "GR"}}, {"location_countryCode": "GR"}, id="a code"),
        pytest.param("user", {"address": {"country": "Greece"}}, {"location_countryName": "Greece"}, id="a name"),
        pytest.param("user", {"address": {"state": "CA"}}, {"location_stateCode": "CA"}, id="a state"),
        pytest.param(
            "user",
            {"lastInferredOrganization": {"name": "N", "location": {"city": "A"}}},
            {"lastInferredOrganization_name": "N", "lastInferredOrganization_location_city": "A"},
            id="an object in an object",
        ),
        pytest.param(
            "user", {"lastUserAgentData": {"device": "D"}}, {"lastUserAgentData_device": "D"}, id="user agent"
        ),
        pytest.param("user", {"company": {"name": "N"}}, {"company": {"name": "N"}}, id="other objects stay"),
        pytest.param("user", {"address": "Main St 1"}, {"address": "Main St 1"}, id="an address that is text"),
    ],
)
def test_objects_that_hold_default_attributes_are_opened(entity, given, found):
    assert dict(flattened(entity, given)) == found


def test_every_attribute_column_of_the_files_is_a_default_attribute():
    for report, attributes in ((USERS, USER_ATTRIBUTES), (ACCOUNTS, ACCOUNT_ATTRIBUTES)):
        wanted = {f.source.removeprefix("attribute.") for f in report.fields if f.source.startswith("attribute.")}
        assert wanted <= set(attributes)
        types = {f.name: f.type for f in report.fields}
        for name in wanted:
            shown = "String" if attributes[name] == "Date" else attributes[name]
            assert types[name] == shown, name


def test_every_default_attribute_is_its_own_name():
    for entity, attributes in ATTRIBUTES.items():
        for name in attributes:
            assert canonical(entity, name) == name


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (True, "BOOLEAN"),
        (0, "NUMBER"),
        (1.5, "NUMBER"),
        ("", "STRING"),
        ("42", "STRING"),
        ("2026-01-31", "STRING"),
        ("2026-01-31T12:00:00Z", "DATE_TIME"),
        ("2026-01-31 12:00", "DATE_TIME"),
        ("2026-01-31T12:00:00.123456+02:00", "DATE_TIME"),
        ("2026-13-31T12:00:00Z", "STRING"),
        ("on 2026-01-31T12:00:00Z", "STRING"),
    ],
)
def test_a_custom_attribute_takes_its_type_from_its_first_value(value, type_):
    assert custom_type(value) == type_


@pytest.mark.parametrize(
    ("coerce", "value", "shown"),
    [
        (as_string, "x", "x"),
        (as_string, True, "true"),
        (as_string, 42, "42"),
        (as_string, 1.5, "1.5"),
        (as_number, "42", 42),
        (as_number, " -1.5e3 ", -1500.0),
        (as_number, "1_000", None),
        (as_number, "NaN", None),
        (as_number, "1e999", None),
        (as_number, True, None),
        (as_long, "7", 7),
        (as_long, 7.0, 7),
        (as_long, 7.5, None),
        (as_long, 2**63, None),
        (as_long, "high", None),
        (as_boolean, "TRUE", True),
        (as_boolean, 0, False),
        (as_boolean, 2, None),
        (as_boolean, "yes", None),
        (as_date, "2026-01-31", "2026-01-31T00:00:00.000Z"),
        (as_date, "2026-01-31T12:00:00.123999+02:00", "2026-01-31T10:00:00.123Z"),
        (as_date, 1_769_860_800_000, "2026-01-31T12:00:00.000Z"),
        (as_date, 1_769_860_800, "2026-01-31T12:00:00.000Z"),
        (as_date, "soon", None),
        (as_date, 1e300, None),
        (as_date, float("nan"), None),
        (as_date, True, None),
    ],
)
def test_values_take_the_type_of_their_attribute_or_are_left_out(coerce, value, shown):
    assert coerce(value) == shown
    assert type(coerce(value)) is type(shown)


def test_an_instant_without_an_offset_is_utc():
    assert instant_us("1970-01-01T00:00:01") == instant_us("1970-01-01T02:00:01+02:00") == 1_000_000
