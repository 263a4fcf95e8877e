"""The least that must be granted for a place, as text for whoever grants it: AWS policies, Terraform, gcloud.

Pure: a place and a use in, text out. Sources: AWS "Actions, resources, and condition keys for Amazon S3"; AWS IAM "How
to use an external ID"; Google Cloud Storage "IAM roles for Cloud Storage" and "IAM Conditions".
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from footfall.errors import Refused
from footfall.model.people_inbox import CURRENT, PROCESSED
from footfall.model.remote import Remote

VERSION: Final = "2012-10-17"  # of the policy language; without it variables and some conditions mean something else
IDENTITY: Final = "arn:aws:iam::111122223333:user/footfall"
_ARN: Final = re.compile(r"arn:(?P<partition>aws[a-z-]*):[a-z0-9-]+:[a-z0-9-]*:[0-9]*:[\w+=,.@/:*{}-]{1,512}", re.ASCII)
_WRITER: Final = "roles/storage.objectCreator"
_READER: Final = "roles/storage.objectViewer"
_TAKER: Final = "roles/storage.objectUser"  # the least predefined one that may delete
_ACCOUNT: Final = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

Document = dict[str, Any]


class Use(StrEnum):
    """What a place is for. Every kind of job is one of these. MOVE: imports, and moves from current/ to processed/."""

    EXPORT = "export"
    IMPORT = "import"
    MOVE = "move"


KINDS: Final = {
    "export": Use.EXPORT,
    "rollups": Use.EXPORT,
    "activity": Use.EXPORT,
    "audience": Use.EXPORT,
    "app_events": Use.EXPORT,
    "import": Use.IMPORT,
    "people_import": Use.MOVE,
}


_WRITTEN: Final = {Use.EXPORT: "", Use.MOVE: PROCESSED}  # the folder of the place that is written to


def use_of(kind: str) -> Use:
    """The use a kind of job makes of its place. Raises ``Refused`` for a kind that is not known."""
    if kind not in KINDS:
        raise Refused(f"there is no kind {kind!r}", f"Choose one of {', '.join(KINDS)}")
    return KINDS[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What is to be granted to whom.

    place: the folder; an empty one means the whole bucket. read_back: an export may read what it wrote, list its
    folder and find its unfinished uploads; without it, it may only put, and take back an upload that failed.
    principal: ARN of Footfall's own identity, or for Google the e-mail of its service account.
    role: name of the role to make; external_id: what its trust asks for. kms_key: ARN, for encryption with that key.
    Raises ``Refused`` for anything that is not safe to put into a policy.
    """

    place: Remote
    use: Use
    read_back: bool = False
    principal: str = IDENTITY
    role: str = "footfall"
    external_id: str = ""
    kms_key: str = ""

    def __post_init__(self) -> None:
        for what, value in (("principal", self.principal), ("kms key", self.kms_key)):
            mail = what == "principal" and self.place.google
            if value and not (mail and "@" in value and re.fullmatch(r"[\w.@-]+", value)) and not _ARN.fullmatch(value):
                raise Refused(f"{value!r} is no ARN", f"Write the {what} as arn:aws:…, for Google as an e-mail address")
        if not (_ACCOUNT if self.place.google else _NAME).fullmatch(self.role):
            raise Refused(f"{self.role!r} cannot name a role", "Use small letters, digits and -, 6 to 30 of them")
        if any(char in self.place.folder for char in "*?$\"'\\\n"):
            raise Refused(f"{self.place} has characters that mean something in a policy", "Choose another folder")

    @property
    def partition(self) -> str:
        found = _ARN.fullmatch(self.principal)
        return found["partition"] if found else "aws"

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.place.bucket}"

    @property
    def objects_arn(self) -> str:
        return self.arn_below("")

    def arn_below(self, folder: str) -> str:
        """Of the objects in a folder of the place; ``folder`` is empty or ends with a slash."""
        return f"{self.bucket_arn}/{_within(self.place.folder)}{folder}*"


def statements(grant: Grant) -> list[Document]:
    """What is permitted, without saying to whom."""
    reads = grant.use is not Use.EXPORT or grant.read_back
    found = []
    if grant.use is not Use.IMPORT:
        actions = ["s3:PutObject", "s3:AbortMultipartUpload"]
        found.append(_allow("FootfallWrite", actions, grant.arn_below(_WRITTEN[grant.use])))
    if grant.use is Use.MOVE:
        found.append(_allow("FootfallTake", ["s3:DeleteObject"], grant.arn_below(CURRENT)))
    if reads:
        found.append(_allow("FootfallRead", ["s3:GetObject"], grant.objects_arn))
        within = f"{_within(grant.place.folder)}*"
        condition = {"Condition": {"StringLike": {"s3:prefix": within}}} if grant.place.folder else {}
        found.append(_allow("FootfallList", ["s3:ListBucket"], grant.bucket_arn) | condition)
    if grant.use is Use.EXPORT and grant.read_back:
        # It knows no condition on the prefix.
        found.append(_allow("FootfallUploads", ["s3:ListBucketMultipartUploads"], grant.bucket_arn))
    return found


def bucket_policy(grant: Grant, principal: str) -> Document:
    """To be attached to the bucket: ``principal`` may do what is needed. Merge it with a policy that is there."""
    found = statements(grant)
    order = ("Sid", "Effect", "Principal", "Action", "Resource", "Condition")
    for statement in found:
        statement["Principal"] = {"AWS": principal}
    return _policy([{name: each[name] for name in order if name in each} for each in found])


def identity_policy(grant: Grant) -> Document:
    """To be attached to a role or a user, with the key of KMS if there is one."""
    found = statements(grant)
    if grant.kms_key:
        # An upload in parts decrypts the parts when they are put together.
        found.append(_allow("FootfallKey", ["kms:GenerateDataKey", "kms:Decrypt"], grant.kms_key))
    return _policy(found)


def trust_policy(grant: Grant) -> Document:
    """Who may assume the role, and with which ExternalId: without it anybody whom Footfall serves could be meant.

    Raises ``Refused`` when there is no ExternalId.
    """
    if not re.fullmatch(r"[\w+=,.@:/-]{2,1224}", grant.external_id, re.ASCII):
        raise Refused(
            "a role needs an ExternalId of 2 to 1224 letters, digits and +=,.@:/-", "Give the subscription id"
        )
    statement: Document = {
        "Sid": "FootfallAssume",
        "Effect": "Allow",
        "Principal": {"AWS": grant.principal},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": grant.external_id}},
    }
    return _policy([statement])


def terraform(grant: Grant) -> str:
    """HCL that makes a role with its trust and its permissions; for Google a service account, its binding and key."""
    if grant.place.google:
        return _terraform_google(grant)
    return _TERRAFORM_AWS.format(
        role=grant.role, trust=_indented(trust_policy(grant)), policy=_indented(identity_policy(grant))
    )


def gcloud(grant: Grant) -> str:
    """Commands that let a service account in and make its HMAC key. PROJECT stands for the project's id."""
    account = _account(grant)
    lines = ["# Conditions need uniform access: gcloud storage buckets update --uniform-bucket-level-access"]
    if grant.principal == IDENTITY:
        lines.append(f"gcloud iam service-accounts create {grant.role} --project=PROJECT")
    for role in _google_roles(grant):
        condition = _google_condition(grant, role)
        # The expression holds commas, so another sign parts the fields (see `gcloud topic escaping`).
        more = f" \\\n  --condition='^;^title=footfall;expression={condition}'" if condition else " --condition=None"
        lines.append(
            f"gcloud storage buckets add-iam-policy-binding gs://{grant.place.bucket} \\\n"
            f"  --member=serviceAccount:{account} --role={role}{more}"
        )
    lines.append(f"gcloud storage hmac create {account} --project=PROJECT")
    return "\n".join(lines) + "\n"


def forms(grant: Grant) -> dict[str, Any]:
    """Every form a grant can be written in, by name: policies are documents, what is run or applied is text.

    Raises ``Refused`` when a role would have no ExternalId.
    """
    if grant.place.google:
        return {"gcloud": gcloud(grant), "terraform": terraform(grant)}
    return {
        "bucket_policy": bucket_policy(grant, grant.principal),
        "trust_policy": trust_policy(grant),
        "role_policy": identity_policy(grant),
        "terraform": terraform(grant),
    }


def text(document: Document) -> str:
    """A policy as it is pasted into a console."""
    return json.dumps(document, indent=2) + "\n"


def _policy(found: Sequence[Document]) -> Document:
    return {"Version": VERSION, "Statement": list(found)}


def _allow(sid: str, actions: list[str], resource: str) -> Document:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _within(folder: str) -> str:
    return f"{folder}/" if folder else ""


def _indented(document: Document) -> str:
    # In HCL ${ begins an interpolation.
    return json.dumps(document, indent=2).replace("${", "$${").replace("\n", "\n  ")


def _account(grant: Grant) -> str:
    return f"{grant.role}@PROJECT.iam.gserviceaccount.com" if grant.principal == IDENTITY else grant.principal


def _google_roles(grant: Grant) -> list[str]:
    if grant.use is Use.IMPORT:
        return [_READER]
    if grant.use is Use.MOVE:
        return [_READER, _WRITER, _TAKER]
    return [_WRITER, _READER] if grant.read_back else [_WRITER]


def _google_condition(grant: Grant, role: str) -> str:
    """Objects of the folder; listing is a matter of the bucket, so there the prefix asked for is what counts."""
    below = {_WRITER: PROCESSED, _TAKER: CURRENT}.get(role, "") if grant.use is Use.MOVE else ""
    folder = f"{_within(grant.place.folder)}{below}"
    if not folder:
        return ""
    objects = f'resource.name.startsWith("projects/_/buckets/{grant.place.bucket}/objects/{folder}")'
    if role != _READER:
        return objects
    listed = f'api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("{folder}")'
    return f"{objects} || {listed}"


def _terraform_google(grant: Grant) -> str:
    parts = [_TERRAFORM_ACCOUNT.format(role=grant.role)]
    for number, role in enumerate(_google_roles(grant)):
        condition = _google_condition(grant, role).replace("\\", "\\\\").replace('"', '\\"')
        block = (
            f'\n  condition {{\n    title      = "footfall"\n    expression = "{condition}"\n  }}' if condition else ""
        )
        name = grant.role if number == 0 else f"{grant.role}_{number + 1}"
        parts.append(
            _TERRAFORM_BINDING.format(
                name=name, role=grant.role, bucket=grant.place.bucket, granted=role, condition=block
            )
        )
    return "\n".join(parts)


_TERRAFORM_AWS: Final = """\
resource "aws_iam_role" "{role}" {{
  name               = "{role}"
  assume_role_policy = jsonencode({trust})
}}

resource "aws_iam_role_policy" "{role}" {{
  name   = "{role}"
  role   = aws_iam_role.{role}.id
  policy = jsonencode({policy})
}}

output "{role}_arn" {{
  value = aws_iam_role.{role}.arn
}}
"""
_TERRAFORM_ACCOUNT: Final = """\
resource "google_service_account" "{role}" {{
  account_id = "{role}"
}}

resource "google_storage_hmac_key" "{role}" {{
  service_account_email = google_service_account.{role}.email
}}
"""
_TERRAFORM_BINDING: Final = """\
resource "google_storage_bucket_iam_member" "{name}" {{
  bucket = "{bucket}"
  role   = "{granted}"
  member = "serviceAccount:${{google_service_account.{role}.email}}"
{condition}
}}
"""
