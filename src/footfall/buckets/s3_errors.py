"""What went wrong at an S3 server, in our words: by what the caller should do, with the next step for a person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from footfall.errors import Conflict, Denied, FootfallError, Refused, Unavailable

# All that a call of botocore raises: a refusal, no answer, and an answer that cannot be read.
FOREIGN: Final = (ClientError, BotoCoreError, ResponseParserError)
ACTIONS: Final = {
    "put": "s3:PutObject",
    "open": "s3:GetObject",
    "stat": "s3:GetObject",
    "list": "s3:ListBucket",
    "delete": "s3:DeleteObject",
    "abort": "s3:AbortMultipartUpload",
    "uploads": "s3:ListBucketMultipartUploads",
    "versions": "s3:ListBucketVersions",
    "delete version": "s3:DeleteObjectVersion",
}
_HINTS: Final = {
    "NoSuchBucket": "Create the bucket, or correct its name",
    "InvalidBucketName": "Correct the bucket's name",
    "RequestTimeTooSkewed": "Set this machine's clock",
    "PermanentRedirect": "The bucket is in another region; name its region",
    "AuthorizationHeaderMalformed": "The bucket is in another region; name its region",
    "IllegalLocationConstraintException": "The bucket is in another region; name its region",
    "EntityTooLarge": "The server does not take objects of this size",
    "301": "The bucket is in another region; name its region",
    # A HEAD has no body that would say more.
    "400": "The session or the clock here may be wrong, or the object is encrypted with another key, or with none",
    "InvalidEncryptionAlgorithmError": "The server does not know this encryption; choose another",
    "NotImplemented": "The server does not know this option; leave the encryption out",
    "KMS.DisabledException": "Enable the KMS key",
    "KMS.NotFoundException": "Correct the KMS key; it has to be in the region of the bucket",
    "KMS.KMSInvalidStateException": "The KMS key cannot be used in its state; see it in the console",
}
_KEY_ID: Final = "The key id is unknown there; check which access key is in use"
_SESSION: Final = "The session is over; sign in again"
_TOKEN: Final = "The session token is not valid there; sign in again"  # noqa: S105 - a sentence
# The credentials themselves are refused.
_CREDENTIALS: Final = {
    "InvalidAccessKeyId": _KEY_ID,
    "InvalidClientTokenId": _KEY_ID,
    "SignatureDoesNotMatch": "The secret does not belong to the key id, or the server does not speak this dialect",
    "ExpiredToken": _SESSION,
    "ExpiredTokenException": _SESSION,
    "TokenRefreshRequired": _SESSION,
    "InvalidToken": _TOKEN,
    "UnrecognizedClientException": _TOKEN,
    "InvalidIdentityToken": "The web identity is not accepted there; check its issuer and audience",
    "AccountProblem": "The account there is not in order; ask its owner",
    "NotSignedUp": "The account there is not signed up for this service; ask its owner",
    "401": "The credentials are not accepted there",
}
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "Forbidden", "403"})
_NAMED: Final = re.compile(r"not authorized to perform: ([a-zA-Z0-9-]+:[a-zA-Z0-9]+)")
# The last ones mean that a request of ours was changed or cut on its way: the next one may arrive as it was sent.
_WAIT: Final = frozenset(
    {
        "SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "RequestTimeoutException", "Throttling",
        "ThrottlingException", "TooManyRequests", "OperationAborted", "ConditionalRequestConflict", "BadDigest",
        "InvalidDigest", "InvalidPart", "MalformedXML", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
        "IncompleteBody", "NoSuchUpload",
    }
)  # fmt: skip
MISSING: Final = frozenset({"NoSuchKey", "NotFound", "404"})
_NO_CREDENTIALS: Final = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.ProfileNotFound,
    boto.TokenRetrievalError,
    boto.UnauthorizedSSOTokenError,
)


def code_of(error: ClientError) -> str:
    """The error code; a HEAD has no body, so there it is the status ("404")."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def action_of(error: ClientError, usual: str) -> str:
    """The permission that was missing: the one Amazon's message names, else the ``usual`` one of that call.

    It is another one where a key of KMS is what may not be used.
    """
    named = _NAMED.search(str(error.response.get("Error", {}).get("Message", "")))
    return named[1] if named else usual


def is_denied(error: ClientError) -> bool:
    return code_of(error) in _DENIED


def is_taken(error: ClientError) -> bool:
    """Did a conditional create find an object under that key?"""
    return code_of(error) == "PreconditionFailed" or status_of(error) == 412


@contextmanager
def translated(call: str, place: str) -> Iterator[None]:
    """Turn what boto3 raises within the block into ``FootfallError``; ``KeyError`` when the object is not there.

    call: name of the ``Bucket`` method. place: the object's URL, for the message.
    """
    try:
        yield
    except ClientError as error:
        if code_of(error) in MISSING:
            raise KeyError(place) from error
        raise _answered(error, call, place) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise _unanswered(error, call, place) from error


def told(answer: Mapping[str, Any], name: str, call: str, place: str) -> Any:
    """What an answer says under ``name``. Raises ``Unavailable`` for one that lacks it: it is not the server's own."""
    if answer.get(name) in (None, ""):
        raise Unavailable(f"{call} {place}: the answer has no {name}", "Check the network and the server")
    return answer[name]


def _answered(error: ClientError, call: str, place: str) -> FootfallError:
    code, status = code_of(error), status_of(error)
    what = f"{call} {place}: {status} {code}"
    if error.operation_name.startswith("AssumeRole"):
        return _not_assumed(error, what)
    if code in _DENIED:
        action = action_of(error, ACTIONS[call])
        return Denied(what, f"Grant {action} on it to the credentials in use", action=action)
    if code in _CREDENTIALS:
        return Denied(what, _CREDENTIALS[code], passes=_CREDENTIALS[code] is _SESSION)
    if is_taken(error):
        return Conflict(f"{place} is already there")
    if code in _WAIT or status >= 500 or status == 429:
        return Unavailable(what, retry_after_s=5)
    return Refused(what, _HINTS.get(code, str(error.response.get("Error", {}).get("Message", ""))))


def _not_assumed(error: ClientError, what: str) -> FootfallError:
    code = code_of(error)
    what = f"{what} (assuming the role)"
    if code in _WAIT or status_of(error) >= 500:
        return Unavailable(what, retry_after_s=5)
    hint = "Let the role trust this identity with the ExternalId in use; see `footfall access print`"
    if error.operation_name == "AssumeRoleWithWebIdentity":
        hint = "Let the role trust this web identity: its provider, audience and subject"
    told = _CREDENTIALS.get(code, hint)
    return Denied(what, told, action="sts:AssumeRole", passes=told is _SESSION)


def _unanswered(error: BotoCoreError | ResponseParserError, call: str, place: str) -> FootfallError:
    what = f"{call} {place}: {error}"
    if isinstance(error, _NO_CREDENTIALS):
        return Denied(what, "Give an access key by the environment, a profile, or an authorization")
    if isinstance(error, boto.SSLError):
        return Refused(what, "The server's certificate is not trusted here; add its authority (AWS_CA_BUNDLE)")
    if isinstance(error, boto.ParamValidationError | boto.InvalidRegionError | boto.NoRegionError):
        return Refused(what, "Correct the address")
    return Unavailable(what, "Check the network and the server", retry_after_s=5)
