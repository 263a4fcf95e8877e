"""What is printed to be granted is the least that is needed, in a form that AWS and Google take."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from footfall.errors import Refused
from footfall.model import policies
from footfall.model.policies import Grant, Use
from footfall.model.remote import Remote

USER = "arn:aws:iam::123456789012:user/footfall"


def grant(url: str = "s3://my-bucket/px", use: Use = Use.EXPORT, **more: Any) -> Grant:
    place = Remote.parse(url)
    assert place is not None
    return Grant(**({"place": place, "use": use, "principal": USER, "external_id": "sub-123"} | more))


def actions(policy: dict[str, Any]) -> set[str]:
    return {action for each in policy["Statement"] for action in _list(each["Action"])}


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def test_an_export_may_put_and_take_back_and_nothing_else() -> None:
    policy = policies.bucket_policy(grant(), USER)
    assert actions(policy) == {"s3:PutObject", "s3:AbortMultipartUpload"}
    assert {each["Resource"] for each in policy["Statement"]} == {"arn:aws:s3:::my-bucket/px/*"}
    assert [each["Principal"] for each in policy["Statement"]] == [{"AWS": USER}]


def test_an_export_that_reads_back_may_also_read_its_folder() -> None:
    policy = policies.identity_policy(grant(read_back=True))
    assert actions(policy) == {
        "s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads"
    }  # fmt: skip
    listing = next(each for each in policy["Statement"] if "s3:ListBucket" in each["Action"])
    assert listing["Resource"] == "arn:aws:s3:::my-bucket"
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "px/*"}}


def test_an_import_may_read_and_list_and_never_write() -> None:
    assert actions(policies.identity_policy(grant(use=Use.IMPORT))) == {"s3:GetObject", "s3:ListBucket"}


def test_what_is_moved_may_be_read_put_into_processed_and_deleted_from_current_alone() -> None:
    policy = policies.identity_policy(grant(use=policies.use_of("people_import")))
    granted = {action: each["Resource"] for each in policy["Statement"] for action in _list(each["Action"])}
    place = "arn:aws:s3:::my-bucket"
    assert granted == {
        "s3:GetObject": f"{place}/px/*",
        "s3:ListBucket": place,
        "s3:PutObject": f"{place}/px/processed/*",
        "s3:AbortMultipartUpload": f"{place}/px/processed/*",
        "s3:DeleteObject": f"{place}/px/current/*",
    }


def test_google_gets_a_role_that_may_delete_for_current_alone() -> None:
    text = policies.gcloud(grant("gs://my-bucket", Use.MOVE))
    bound = re.findall(r"--role=(\S+) .*?(?:objects/([^\"]*)\"|None)", text, re.S)
    assert bound == [("roles/storage.objectViewer", ""), ("roles/storage.objectCreator", "processed/"),
                     ("roles/storage.objectUser", "current/")]  # fmt: skip


def test_a_whole_bucket_has_no_condition() -> None:
    policy = policies.identity_policy(grant("s3://my-bucket", use=Use.IMPORT))
    assert not [each for each in policy["Statement"] if "Condition" in each]
    assert {each["Resource"] for each in policy["Statement"]} == {"arn:aws:s3:::my-bucket/*", "arn:aws:s3:::my-bucket"}


def test_a_key_of_kms_may_be_used_when_there_is_one() -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/1"
    statement = policies.identity_policy(grant(kms_key=key))["Statement"][-1]
    assert (statement["Action"], statement["Resource"]) == (["kms:GenerateDataKey", "kms:Decrypt"], key)


def test_the_role_trusts_footfall_with_the_external_id_alone() -> None:
    (statement,) = policies.trust_policy(grant())["Statement"]
    assert statement["Principal"] == {"AWS": USER}
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "sub-123"}}


@pytest.mark.parametrize("external_id", ["", "x", "a b", "a\nb", "ü" * 5])
def test_a_role_without_a_fit_external_id_is_not_printed(external_id: str) -> None:
    with pytest.raises(Refused, match="ExternalId"):
        policies.trust_policy(grant(external_id=external_id))


@pytest.mark.parametrize("use", list(Use))
@pytest.mark.parametrize("read_back", [False, True])
@pytest.mark.parametrize("url", ["s3://my-bucket", "s3://my-bucket/a/b"])
def test_every_policy_names_the_version_plain_sids_and_no_wildcard_action(url: str, use: Use, read_back: bool) -> None:
    one = grant(url, use, read_back=read_back, kms_key="arn:aws:kms:eu-west-1:123456789012:key/1")
    for policy in (policies.bucket_policy(one, USER), policies.identity_policy(one), policies.trust_policy(one)):
        assert policy["Version"] == "2012-10-17"
        assert all(re.fullmatch(r"[A-Za-z0-9]+", each["Sid"]) for each in policy["Statement"])
        assert len({each["Sid"] for each in policy["Statement"]}) == len(policy["Statement"])
        assert not [action for action in actions(policy) if "*" in action]
        assert json.loads(policies.text(policy)) == policy


def test_other_partitions_of_aws_have_their_own_arns() -> None:
    policy = policies.identity_policy(grant(principal="arn:aws-cn:iam::123456789012:user/footfall"))
    assert policy["Statement"][0]["Resource"].startswith("arn:aws-cn:s3:::")


def test_terraform_holds_the_same_two_policies() -> None:
    text = policies.terraform(grant())
    blocks = re.findall(r"jsonencode\((\{.*?\n  \})\)", text, re.S)
    assert [json.loads(block) for block in blocks] == [
        policies.trust_policy(grant()),
        policies.identity_policy(grant()),
    ]
    assert text.count("{") == text.count("}")


def test_google_gets_roles_that_cannot_replace_and_only_for_the_folder() -> None:
    text = policies.gcloud(grant("gs://my-bucket/px"))
    assert "roles/storage.objectCreator" in text
    assert "roles/storage.objectViewer" not in text
    assert 'resource.name.startsWith("projects/_/buckets/my-bucket/objects/px/")' in text
    assert "gcloud storage hmac create" in text
    both = policies.gcloud(grant("gs://my-bucket/px", read_back=True))
    assert "roles/storage.objectViewer" in both
    assert "objectListPrefix" in both
    assert "roles/storage.objectCreator" not in policies.gcloud(grant("gs://my-bucket/px", Use.IMPORT))


def test_a_service_account_that_is_there_is_used() -> None:
    text = policies.gcloud(grant("gs://my-bucket", principal="me@project.iam.gserviceaccount.com"))
    assert "service-accounts create" not in text
    assert "--member=serviceAccount:me@project.iam.gserviceaccount.com" in text


def test_terraform_for_google_has_a_binding_for_each_role() -> None:
    text = policies.terraform(grant("gs://my-bucket/px", read_back=True))
    assert re.findall(r'role   = "(.*)"', text) == ["roles/storage.objectCreator", "roles/storage.objectViewer"]
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"principal": "*"},
        {"principal": "arn:aws:iam::1:user/x\"}"},
        {"role": "a b"},
        {"role": "x\"{"},
        {"kms_key": "*"},
        {"place": Remote("s3", "my-bucket", "a*")},
        {"place": Remote("s3", "my-bucket", "${x}")},
        {"place": Remote("gs", "my-bucket", 'a"b')},
        {"place": Remote("gs", "my-bucket", "a'b")},
    ],
)  # fmt: skip
def test_nothing_that_means_something_else_gets_into_a_policy(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        grant(**wrong)


def test_every_kind_of_job_has_a_use() -> None:
    assert policies.use_of("rollups") is Use.EXPORT
    assert policies.use_of("import") is Use.IMPORT
    with pytest.raises(Refused, match="rollups"):
        policies.use_of("nothing")
