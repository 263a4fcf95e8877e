"""Delivering audiences: what lies in the bucket, what a second run does, and what changed since the last one."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_audience import AT, DAY, PEOPLE, SmallAudience, identified, read, small_audience
from small_hub import findings

from footfall.buckets.local import LocalBucket
from footfall.errors import Conflict, Refused, Unavailable
from footfall.model.audience_export import AudienceExport, Condition, split_list, split_map
from footfall.ports import Stored

NEXT = DAY + timedelta(days=1)
LATER = AT + timedelta(days=1)
NAMES = ("identifyId", "plan", "score")


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub that knows everybody, closed; each test has a copy of its own."""
    folder = tmp_path_factory.mktemp("learned")
    with small_audience(folder) as small:
        small.learn(identified(DAY))
    return folder


@pytest.fixture
def small(learned: Path, tmp_path: Path) -> Iterator[SmallAudience]:
    shutil.copytree(learned, tmp_path, dirs_exist_ok=True)
    with small_audience(tmp_path) as small:
        yield small


def who(rows: Iterable[dict[str, object]]) -> list[object]:
    return [row["identifyId"] for row in rows]


def options(small: SmallAudience, name: str) -> dict[str, str]:
    return json.loads(b"".join(small.out.open(name)))["options"]


# --- whom ----------------------------------------------------------------------------------------


def test_all_users_are_there_by_default_sorted_by_their_id(small: SmallAudience) -> None:
    assert who(small.rows(AudienceExport())) == ["ada", "bob", "max", "éva"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["plan = pro"], ["ada", "max"]),
        (["plan != pro"], ["bob", "éva"]),
        (['plan in ["pro", ""]'], ["ada", "max", "éva"]),
        (["score > 3"], ["ada"]),
        (["score >= 3"], ["ada", "bob"]),
        (["score = 3.0"], ["bob"]),
        (["score missing"], ["max", "éva"]),
        (["score != 3"], ["ada", "max", "éva"]),
        (["ltv < 0"], ["bob"]),
        (["vip = true"], ["ada"]),
        (["vip exists"], ["ada", "bob"]),
        (["since >= 2026-01-31T13:00:00+01:00"], ["ada"]),
        (["since > 2026-01-31T13:00:00+01:00"], []),
        (["createDate >= 2026-11-20", "accountId = acme"], ["ada", "bob"]),
        (["email exists", "plan = pro"], ["ada"]),
        (["identifyId = éva"], ["éva"]),
        (["anonymousIds missing"], []),
        (["numberOfVisits = 0", "lastSeenDate exists"], ["ada", "bob", "max", "éva"]),
        (["numberOfVisits > 0"], []),
    ],
)
def test_a_filter_takes_who_meets_every_condition(
    small: SmallAudience, conditions: list[str], expected: list[str]
) -> None:
    export = AudienceExport(conditions=tuple(map(Condition.parse, conditions)), fields=("identifyId",))
    assert who(small.rows(export)) == expected


def test_users_are_as_of_the_end_of_the_day(small: SmallAudience) -> None:
    small.learn(identified(NEXT, [("ada", {"plan": "free"}, ""), ("new", {}, "")], "2"))
    before, after = (small.rows(AudienceExport(fields=NAMES), at=at, day=day) for at, day in ((AT, DAY), (LATER, NEXT)))
    assert before[0]["customAttribute_plan"] == "pro"
    assert who(before) == ["ada", "bob", "max", "éva"]
    assert after[0]["customAttribute_plan"] == "free"
    assert who(after) == ["ada", "bob", "max", "new", "éva"]


def test_a_limit_takes_the_same_users_in_whatever_order_they_came(tmp_path: Path) -> None:
    people = [(f"user-{n:02d}", {"plan": "pro"}, "") for n in range(40)]
    found = []
    for name, order in (("one", people), ("two", people[::-1])):
        with small_audience(tmp_path / name) as small:
            for start in range(0, 40, 20):
                small.learn(identified(DAY, order[start : start + 20]))
            found.append([who(small.rows(AudienceExport(limit=7, seed=seed, fields=("identifyId",)),
                                         at=AT + timedelta(hours=number)))
                          for number, seed in enumerate(("x", "y"))])  # fmt: skip
            said = options(small, "users-20261121T080000Z.csv.manifest.json")
            assert (said["limit"], said["seed"], said["matched"], said["users"]) == ("7", "x", "40", "7")
    assert found[0] == found[1]
    assert [len(set(users)) for users in found[0]] == [7, 7]
    assert found[0][0] != found[0][1]


def test_a_larger_limit_keeps_the_users_of_a_smaller_one(small: SmallAudience) -> None:
    few, more = (
        who(small.rows(AudienceExport(limit=limit, fields=("identifyId",)), at=AT + timedelta(hours=limit)))
        for limit in (2, 3)
    )
    assert set(few) < set(more)


def test_users_who_were_merged_into_others_are_no_longer_there(small: SmallAudience) -> None:
    alias = {"type": "alias", "previousId": "bob", "userId": "ada", "messageId": "m", "timestamp": f"{DAY}T13:00:00Z"}
    small.learn([alias])
    rows = small.rows(AudienceExport(fields=("identifyId", "anonymousIds")))
    assert who(rows) == ["ada", "max", "éva"]
    assert rows[0]["anonymousIds"] == "anon-ada&anon-bob&bob"


# --- what ----------------------------------------------------------------------------------------


def test_lists_and_maps_come_back_from_csv(small: SmallAudience) -> None:
    rows = {
        row["identifyId"]: row for row in small.rows(AudienceExport(join="|", fields=("identifyId", "tags", "limits")))
    }
    tags = {user: split_list(str(row["customAttribute_tags"]), "|") for user, row in rows.items()}
    assert tags["ada"] == ["a", "b&c", "50%", "x=y"]
    assert tags["bob"] == [""]
    assert tags["éva"] == []
    assert tags["max"] == ["é", "1", "true", "null", '{"deep":[1]}', ""]
    assert split_map(str(rows["ada"]["customAttribute_limits"]), "|") == {"seats": "3", "k=1": "v&w"}


def test_raw_lists_are_joined_as_they_are(small: SmallAudience) -> None:
    rows = small.rows(AudienceExport(raw=True, fields=("identifyId", "tags", "limits")))
    assert rows[0]["customAttribute_tags"] == "a&b&c&50%&x=y"
    assert rows[0]["customAttribute_limits"] == "k=1=v&w&seats=3"


def test_json_and_parquet_keep_the_types(small: SmallAudience) -> None:
    fields = ("identifyId", "score", "vip", "ltv", "tags", "limits", "since", "email")
    as_json, as_parquet = (small.rows(AudienceExport(layout=layout, fields=fields)) for layout in ("json", "parquet"))
    assert as_json[0] == {
        "identifyId": "ada", "score": 7, "customAttribute_vip": True, "customAttribute_ltv": 1.5,
        "customAttribute_tags": ["a", "b&c", "50%", "x=y"], "customAttribute_limits": {"k=1": "v&w", "seats": 3},
        "customAttribute_since": "2026-01-31T12:00:00.000Z", "email": "ada@example.com",
    }  # fmt: skip
    assert as_json[2]["customAttribute_tags"] == ["é", 1, True, None, {"deep": [1]}, ""]
    assert "email" not in as_json[2]
    ada = as_parquet[0]
    assert (ada["score"], ada["customAttribute_vip"], ada["customAttribute_ltv"]) == (7, True, 1.5)
    assert ada["customAttribute_since"].isoformat() == "2026-01-31T12:00:00+00:00"  # type: ignore[attr-defined]
    assert dict(ada["customAttribute_limits"]) == {"k=1": "v&w", "seats": "3"}  # type: ignore[call-overload]
    assert as_parquet[3]["customAttribute_tags"] == []
    assert as_parquet[3]["email"] is None


def test_an_attribute_that_is_not_always_a_list_is_text_unless_it_is_said_to_be_one(small: SmallAudience) -> None:
    small.learn(identified(DAY, [("bob", {"tags": "one"}, ""), ("max", {"limits": [1]}, "")], "2"))
    fields = ("identifyId", "tags", "limits")
    mixed = small.rows(AudienceExport(layout="json", fields=fields))
    assert mixed[0]["customAttribute_tags"] == '["a","b&c","50%","x=y"]'
    said = small.rows(AudienceExport(layout="json", fields=fields, kinds={"tags": "List", "limits": "Map"}), at=LATER)
    assert said[1]["customAttribute_tags"] == ["one"]
    assert said[2]["customAttribute_limits"] == {"": "[1]"}


def test_an_audience_is_exported_with_its_members_only(small: SmallAudience) -> None:
    small.memberships = {"ada": ["buyers"], "max": ["buyers", "pros"]}
    export = AudienceExport(audience="buyers", fields=("identifyId",), conditions=(Condition.parse("plan = pro"),))
    assert who(small.rows(export)) == ["ada", "max"]
    only = AudienceExport(job="pros", audience="pros", fields=("identifyId",))
    assert who(small.rows(only, at=AT + timedelta(minutes=1))) == ["max"]
    nobody = AudienceExport(job="nobody", audience="nobody", fields=("identifyId",))
    assert small.rows(nobody, at=AT + timedelta(minutes=2)) == []


def test_who_left_an_audience_is_removed_in_a_difference(small: SmallAudience) -> None:
    export = AudienceExport(audience="buyers", fields=("identifyId",), mode="diff")
    small.memberships = {"ada": ["buyers"], "max": ["buyers"]}
    small.rows(export)
    small.memberships = {"max": ["buyers"], "bob": ["buyers"]}
    found = small.rows(export, at=AT + timedelta(hours=1))
    assert sorted((row["identifyId"], row["change"]) for row in found) == [("ada", "removed"), ("bob", "added")]


def test_memberships_are_what_is_said_of_each_user(small: SmallAudience) -> None:
    export = AudienceExport(memberships=True, fields=("identifyId",))
    assert {row["segments"] for row in small.rows(export)} == {""}
    small.memberships = {"ada": ["buyers", "R&D"]}
    assert [row["segments"] for row in small.rows(export, at=LATER)] == ["buyers&R%26D", "", "", ""]


def test_csv_can_leave_out_its_header(small: SmallAudience) -> None:
    small.export(AudienceExport(header=False, fields=("identifyId",)))
    text = read(b"".join(small.out.open("users-20261121T080000Z.csv.gz")), AudienceExport(fields=("ada",)))
    assert [list(row.values()) for row in text] == [["bob"], ["max"], ["éva"]]
    assert findings(small.out) == []


def test_an_audience_of_nobody_is_delivered_too(small: SmallAudience) -> None:
    nobody = (Condition.parse("plan = none"),)
    for number, layout in enumerate(("csv", "multi-csv", "json", "parquet")):
        export = AudienceExport(layout=layout, conditions=nobody, kinds={"tags": "List"})
        assert {file.rows for file in small.export(export, at=AT + timedelta(hours=number))} == {0}
    assert findings(small.out) == []


# --- Multi-CSV -----------------------------------------------------------------------------------


def multi(small: SmallAudience, export: AudienceExport) -> dict[str, list[dict[str, object]]]:
    return {file.key.split("Z", 1)[1].split(".")[0].lstrip("-"): read(b"".join(small.out.open(file.key)), export)
            for file in small.export(export)}  # fmt: skip


def test_every_list_and_map_has_a_file_that_joins_with_the_users(small: SmallAudience) -> None:
    files = multi(small, AudienceExport(layout="multi-csv", memberships=True))
    assert files.keys() == {"", "anonymousIds", "customAttribute_5Ftags", "customAttribute_5Flimits", "segments"}
    users = {row["join_key"]: row["identifyId"] for row in files[""]}
    assert len(users) == 4
    tags = [(users[row["join_key"]], row["value"]) for row in files["customAttribute_5Ftags"]]
    assert tags[:4] == [("ada", "a"), ("ada", "b&c"), ("ada", "50%"), ("ada", "x=y")]
    assert [user for user, _ in tags[4:]] == ["bob", *["max"] * 6]
    limits = [(users[row["join_key"]], row["key"], row["value"]) for row in files["customAttribute_5Flimits"]]
    assert limits == [("ada", "k=1", "v&w"), ("ada", "seats", "3")]
    assert {users[row["join_key"]]: row["value"] for row in files["anonymousIds"]} == {
        user: f"anon-{user}" for user, _, _ in PEOPLE
    }
    assert files["segments"] == []
    assert not {"anonymousIds", "customAttribute_tags"} & files[""][0].keys()
    assert findings(small.out) == []


def test_a_join_key_is_the_digest_of_the_identities(small: SmallAudience) -> None:
    rows = multi(small, AudienceExport(layout="multi-csv", fields=("identifyId",)))[""]
    pairs = [["anonymous_id", "anon-ada"], ["email", "ada@example.com"], ["identify_id", "ada"]]
    text = json.dumps(pairs, separators=(",", ":"), ensure_ascii=False)
    assert rows[0]["join_key"] == hashlib.sha256(text.encode()).hexdigest()[:32]


def test_a_join_key_changes_with_the_identities_and_with_nothing_else(small: SmallAudience) -> None:
    def keys(at_hour: int) -> dict[object, object]:
        export = AudienceExport(layout="multi-csv", fields=("identifyId",))
        file = small.export(export, at=AT + timedelta(hours=at_hour))[0]
        return {row["identifyId"]: row["join_key"] for row in read(b"".join(small.out.open(file.key)), export)}

    first = keys(0)
    changes = [("ada", {"plan": "x"}, ""), ("bob", {"email": "other@example.com"}, "")]
    small.learn(identified(DAY, changes, "2"))
    second = keys(1)
    assert {user for user in first if first[user] != second[user]} == {"bob"}


# --- since the last run --------------------------------------------------------------------------


def differences(small: SmallAudience) -> None:
    """Between two runs: ada changes, bob leaves the filter, cid comes."""
    small.export(AudienceExport(fields=NAMES, conditions=(Condition.parse("plan != gone"),)))
    people = [("ada", {"score": 8}, ""), ("cid", {"plan": "pro"}, ""), ("bob", {"plan": "gone"}, "")]
    small.learn(identified(NEXT, people, "2"))


def test_changed_only_is_who_is_new_or_says_something_else(small: SmallAudience) -> None:
    differences(small)
    export = AudienceExport(mode="changed", fields=NAMES, conditions=(Condition.parse("plan != gone"),))
    rows = small.rows(export, at=LATER, day=NEXT)
    assert who(rows) == ["ada", "cid"]
    assert "change" not in rows[0]


def test_differences_name_who_was_added_changed_and_removed(small: SmallAudience) -> None:
    differences(small)
    export = AudienceExport(mode="diff", fields=NAMES, conditions=(Condition.parse("plan != gone"),))
    rows = small.rows(export, at=LATER, day=NEXT)
    assert [(row["change"], row["identifyId"], row["score"]) for row in rows] == [
        ("changed", "ada", "8"), ("removed", "bob", ""), ("added", "cid", ""),
    ]  # fmt: skip
    assert all(row["aptrinsicId"] for row in rows)
    said = options(small, "users-20261122T080000Z.csv.manifest.json")
    assert [said[name] for name in ("added", "changed", "removed", "unchanged")] == ["1", "1", "1", "2"]


def test_differences_add_up_to_the_whole(small: SmallAudience) -> None:
    differences(small)
    fields = ("aptrinsicId", *NAMES)
    before = small.rows(AudienceExport(job="other", fields=fields, layout="json"), at=AT + timedelta(minutes=1))
    after = small.rows(AudienceExport(job="other", fields=fields, layout="json"), at=LATER, day=NEXT)
    small.export(AudienceExport(job="third", fields=fields), at=AT + timedelta(minutes=2))
    diff = small.rows(AudienceExport(job="third", mode="diff", layout="json", fields=fields),
                      at=LATER + timedelta(minutes=1), day=NEXT)  # fmt: skip
    known = {row["aptrinsicId"]: row for row in before}
    for row in diff:
        change = row.pop("change")
        known.pop(row["aptrinsicId"], None)
        if change != "removed":
            known[row["aptrinsicId"]] = row
    assert sorted(known.values(), key=str) == sorted(after, key=str)


def test_the_first_run_of_a_job_adds_everybody(small: SmallAudience) -> None:
    rows = small.rows(AudienceExport(mode="diff", fields=("identifyId",)))
    assert [(row["change"], row["identifyId"]) for row in rows] == [
        ("added", user) for user in ("ada", "bob", "max", "éva")
    ]


def test_nothing_changed_is_an_empty_file(small: SmallAudience) -> None:
    export = AudienceExport(mode="changed", fields=NAMES)
    small.export(export)
    assert small.rows(export, at=LATER) == []
    assert len(small.rows(export, at=LATER + timedelta(days=1))) == 0


def test_an_attribute_that_others_get_changes_nobody_who_lacks_it(small: SmallAudience) -> None:
    export = AudienceExport(mode="changed", fields=("identifyId", "gender", "plan"))
    small.export(export)
    small.learn(identified(DAY, [("bob", {"gender": "x"}, "")], "2"))
    assert who(small.rows(export, at=LATER)) == ["bob"]


def test_a_difference_to_a_later_run_is_refused(small: SmallAudience) -> None:
    small.export(AudienceExport(fields=NAMES), at=LATER)
    with pytest.raises(Refused, match="later"):
        small.export(AudienceExport(mode="diff", fields=NAMES), at=AT)
    small.export(AudienceExport(fields=NAMES), at=AT)
    assert small.rows(AudienceExport(mode="changed", fields=NAMES), at=LATER + timedelta(days=1)) == []


# --- breaking off and running again --------------------------------------------------------------


class Breaking(LocalBucket):
    """A folder whose n-th put fails, before or after it is done."""

    def __init__(self, root: Path, fail_at: int, after: bool) -> None:
        super().__init__(root)
        self._left, self._after = fail_at, after

    def put(self, key: str, chunks: Iterable[bytes], *, content_type: str) -> Stored:
        self._left -= 1
        if self._left == -1 and not self._after:
            raise Unavailable("the line is cut")
        stored = super().put(key, chunks, content_type=content_type)
        if self._left == -1:
            raise Unavailable("the answer is lost")
        return stored


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fail_at", range(4))
def test_a_run_that_broke_off_delivers_what_it_began_with(small: SmallAudience, fail_at: int, after: bool) -> None:
    export = AudienceExport(layout="multi-csv", mode="changed", fields=("identifyId", "anonymousIds", "tags", "plan"))
    broken = Breaking(Path(small.out.url.removeprefix("file://")), fail_at, after)
    with pytest.raises(Unavailable):
        small.export(export, out=broken)
    small.learn(identified(DAY, [("ada", {"plan": "late"}, ""), ("zed", {}, "")], "2"))
    files = small.export(export)
    assert findings(small.out) == []
    (users, *_) = (read(b"".join(small.out.open(file.key)), export) for file in files)
    assert who(users) == ["ada", "bob", "max", "éva"]
    assert who(small.rows(AudienceExport(mode="changed", fields=export.fields), at=LATER)) == ["ada", "zed"]


def test_a_run_that_is_repeated_gives_the_same_bytes(small: SmallAudience) -> None:
    exports = [AudienceExport(layout=layout, mode=mode) for layout in ("csv", "parquet") for mode in ("full", "diff")]
    for number, export in enumerate(exports):
        at = AT + timedelta(hours=number)
        first = small.export(export, at=at)
        stored = {each.key: b"".join(small.out.open(each.key)) for each in small.out.list()}
        assert small.export(export, at=at) == first
        assert {each.key: b"".join(small.out.open(each.key)) for each in small.out.list()} == stored


def test_other_users_under_the_same_name_are_a_conflict(small: SmallAudience) -> None:
    small.export(AudienceExport(fields=NAMES))
    small.learn(identified(DAY, [("zed", {}, "")], "2"))
    with pytest.raises(Conflict):
        small.export(AudienceExport(fields=NAMES))
    assert findings(small.out) == []


def test_nothing_that_people_said_stays_after_a_delivery(small: SmallAudience, tmp_path: Path) -> None:
    for number, mode in enumerate(("full", "diff", "changed")):
        small.export(AudienceExport(mode=mode), at=AT + timedelta(hours=number))
    kept = [path for path in (tmp_path / "audiences").rglob("*") if path.is_file()]
    assert [path.name.split("-")[0] for path in kept] == ["state", "state"]
    assert {tuple(pq.read_schema(path).names) for path in kept} == {("user_key", "uid", "digest")}
    assert list((tmp_path / "audience-spill").iterdir()) == []
