"""What went wrong at an S3 server, in our words: by what the caller should do, with the next step for a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from footfall.errors import Conflict, FootfallError, Refused, Unavailable

ACTIONS: Final = {
    "put": "s3:PutObject",
    "open": "s3:GetObject",
    "stat": "s3:GetObject",
    "list": "s3:ListBucket",
    "delete": "s3:DeleteObject",
}
_HINTS: Final = {
    "NoSuchBucket": "Create the bucket, or correct its name",
    "InvalidBucketName": "Correct the bucket's name",
    "InvalidAccessKeyId": "The key id is unknown there; check which access key is in use",
    "SignatureDoesNotMatch": "The secret does not belong to the key id, or the server does not speak this dialect",
    "ExpiredToken": "The session is over; sign in again",
    "InvalidToken": "The session token is not valid there; sign in again",
    "RequestTimeTooSkewed": "Set this machine's clock",
    "PermanentRedirect": "The bucket is in another region; name its region",
    "AuthorizationHeaderMalformed": "The bucket is in another region; name its region",
    "IllegalLocationConstraintException": "The bucket is in another region; name its region",
    "EntityTooLarge": "The server does not take objects of this size",
}
_DENIED: Final = frozenset({"AccessDenied", "AllAccessDisabled", "Forbidden", "403"})
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
    except BotoCoreError as error:
        raise _unanswered(error, call, place) from error


def _answered(error: ClientError, call: str, place: str) -> FootfallError:
    code, status = code_of(error), status_of(error)
    what = f"{call} {place}: {status} {code}"
    if code in _DENIED:
        return Refused(what, f"Grant {ACTIONS[call]} on it to the credentials in use")
    if is_taken(error):
        return Conflict(f"{place} is already there")
    if code in _WAIT or status >= 500 or status == 429:
        return Unavailable(what, retry_after_s=5)
    return Refused(what, _HINTS.get(code, str(error.response.get("Error", {}).get("Message", ""))))


def _unanswered(error: BotoCoreError, call: str, place: str) -> FootfallError:
    what = f"{call} {place}: {error}"
    if isinstance(error, _NO_CREDENTIALS):
        return Refused(what, "Give an access key by the environment, a profile, or an authorization")
    if isinstance(error, boto.SSLError):
        return Refused(what, "The server's certificate is not trusted here; add its authority (AWS_CA_BUNDLE)")
    if isinstance(error, boto.ParamValidationError | boto.InvalidRegionError | boto.NoRegionError):
        return Refused(what, "Correct the address")
    return Unavailable(what, "Check the network and the server", retry_after_s=5)
