"""Send events to a running collector: from a file, or from a program that has them already.

``sender`` delivers requests and obeys the collector's answers; ``files`` turns NDJSON, JSON and CSV into requests.
Nothing here knows the server's inside: it speaks HTTP, as anyone's client would.
"""

from footfall.client.files import DIALECTS, read_requests
from footfall.client.sender import Rejected, Request, Sent, send

__all__ = ["DIALECTS", "Rejected", "Request", "Sent", "read_requests", "send"]
