"""Every kind of fault that a server, or the way to it, can have; and each at every call of something that is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from fault_proxy import Fault, FaultProxy

# More often than any client tries one call.
LASTING = 5


def _refused(status: int, code: str) -> Fault:
    return Fault("", "status", LASTING, 0, status, code)


FAULTS: dict[str, Fault] = {
    "500 InternalError": _refused(500, "InternalError"),
    "503 SlowDown": _refused(503, "SlowDown"),
    "429 TooManyRequests": _refused(429, "TooManyRequests"),
    "403 ExpiredToken": _refused(403, "ExpiredToken"),
    "400 ExpiredToken": _refused(400, "ExpiredToken"),
    "403 InvalidAccessKeyId": _refused(403, "InvalidAccessKeyId"),
    "403 AccessDenied": _refused(403, "AccessDenied"),
    "301 wrong region": _refused(301, "PermanentRedirect"),
    "400 RequestTimeTooSkewed": _refused(400, "RequestTimeTooSkewed"),
    "404 NoSuchBucket": _refused(404, "NoSuchBucket"),
    "200 with Error": _refused(200, "InternalError"),
    "reset before": Fault("", "reset", LASTING),
    "reset after apply": Fault("", "lost", LASTING),
    "cut request": Fault("", "cut", LASTING),
    "truncated answer": Fault("", "short", LASTING),
    "garbage instead of XML": Fault("", "garbage", LASTING),
    "flipped bit": Fault("", "flip", LASTING),
    "delivered twice": Fault("", "twice", LASTING),
    "no answer": Fault("", "silent", LASTING),
    "applied, no answer": Fault("", "mute", LASTING),
}
# What happens on the way, in contrast to what a server says.
ON_THE_WAY = tuple(name for name, fault in FAULTS.items() if fault.kind != "status" or fault.status == 200)
# They cost a timeout each.
SLOW = ("no answer", "applied, no answer")


def sampled(calls: int, turn: int, usual: int) -> Sequence[int]:
    """So many of the calls of something that is done, spread over all of them; with another turn, others.

    FOOTFALL_FAULT_CALLS says how many, 0 means every one.
    """
    wanted = int(os.environ.get("FOOTFALL_FAULT_CALLS", usual)) or calls
    if wanted >= calls:
        return range(calls)
    return sorted({(turn + number * calls // wanted) % calls for number in range(wanted)})


def at_calls(
    proxy: FaultProxy, fault: Fault, begin: Callable[[], object], numbers: Iterable[int], *, once: bool = False
) -> Iterator[str]:
    """For each of these calls: ``begin`` anew, let it have ``fault``, and yield where, for the caller to act.

    The fault meets that call and, as long as it lasts, the same call tried again and whatever follows.
    numbers: from 0. once: only that call.
    """
    for number in numbers:
        begin()
        proxy.calls.clear()
        proxy.faults = [replace(fault, skip=number, times=1 if once else fault.times)]
        try:
            yield f"{fault.kind} {fault.code if fault.kind == 'status' else ''} at call {number + 1}"
        finally:
            proxy.faults = []
