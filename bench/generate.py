"""Events like those of a busy product, the same ones every time: bodies as clients send them.

Who is active and what is used follow Zipf's law; the day has a rush hour; ids are 128 bits spread evenly. Nothing here
is random at run time: event ``n`` of a seed is always the same event, so a part of a run can be generated anew, and by
several processes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final

from footfall.client import DIALECTS
from footfall.ports import Batch

TABLE: Final = 1 << 16  # draws prepared once and then read by index: a million calls of Random would cost more
DAY_DEFAULT: Final = date(2026, 11, 21)
MIX: Final[dict[str, dict[str, int]]] = {
    "segment": {"page": 55, "track": 40, "identify": 4, "group": 1},
    "native": {
        "feature_match": 46, "page_view": 22, "session_started": 9, "session_ended": 9, "engagement_view": 6,
        "engagement_click": 2, "article_view": 2, "custom": 1, "email_event": 1, "survey_response": 1, "feedback": 1,
    },
}  # fmt: skip
# Share of a day's events by hour: people sleep, work, pause for lunch.
_HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 13, 10, 12, 14, 13, 12, 10, 8, 7, 6, 5, 4, 3)


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many of everything there are. users_per_account: users ``k`` to ``k + n`` share an account."""

    users: int
    users_per_account: int = 25
    event_names: int = 120
    features: int = 400
    engagements: int = 60
    articles: int = 200
    pages: int = 800

    @classmethod
    def of(cls, events: int) -> Crowd:
        """A crowd that makes about 40 events each."""
        return cls(users=max(100, events // 40))


HEAD: Final = 10  # rank r has the weight 1 / (r + HEAD): the first few are not everything


def _zipf(count: int, rng: Random) -> list[int]:
    weights = list(accumulate(1 / (rank + HEAD) for rank in range(count)))
    return rng.choices(range(count), cum_weights=weights, k=TABLE)


class Generator:
    """All events of one seed and crowd. Make one per process: preparing the tables takes about 0.2 s."""

    def __init__(self, crowd: Crowd, *, dialect: str = "segment", seed: int = 1, day: date = DAY_DEFAULT) -> None:
        rng = Random(seed)
        self.crowd = crowd
        self.dialect = dialect
        self._salt = rng.getrandbits(64) | 1
        self._kinds = rng.choices(list(MIX[dialect]), weights=list(MIX[dialect].values()), k=TABLE)
        self._spread = (crowd.users + HEAD) / HEAD
        self._names = _zipf(crowd.event_names, rng)
        self._features = _zipf(crowd.features, rng)
        self._engagements = _zipf(crowd.engagements, rng)
        self._pages = _zipf(crowd.pages, rng)
        self._minutes = _minutes(day, rng)
        self._render: Callable[[int, int, str], str] = self._segment if dialect == "segment" else self._native

    def event(self, number: int) -> str:
        """Event ``number`` as JSON text."""
        mixed = ((number + 1) * 0x9E3779B97F4A7C15 * self._salt) & (1 << 64) - 1
        mixed ^= mixed >> 29
        return self._render(number, mixed, self._kinds[mixed & 0xFFFF])

    def _user(self, mixed: int) -> int:
        # The inverse of Zipf's distribution, from bits that no other choice uses: any user may do anything.
        drawn = (mixed * 0xBF58476D1CE4E5B9 & (1 << 64) - 1) / 2**64
        return int(HEAD * self._spread**drawn) - HEAD

    def bodies(self, first: int, count: int, batch: int = 100) -> Iterator[bytes]:
        """Yield events ``first`` to ``first + count`` as bodies of at most ``batch`` events."""
        name = DIALECTS[self.dialect].list_name
        for start in range(first, first + count, batch):
            texts = [self.event(number) for number in range(start, min(start + batch, first + count))]
            yield f'{{"{name}":[{",".join(texts)}]}}'.encode("ascii")

    def _when(self, mixed: int) -> str:
        return f"{self._minutes[mixed >> 13 & 0xFFFF]}:{(mixed >> 7 & 0xFF) % 60:02d}.{mixed % 1000:03d}Z"

    def _segment(self, number: int, mixed: int, kind: str) -> str:
        user = self._user(mixed)
        account = user // self.crowd.users_per_account
        head = (
            f'{{"type":"{kind}","messageId":"{mixed:016x}{number:016x}","timestamp":"{self._when(mixed)}",'
            f'"userId":"user-{user}","anonymousId":"anon-{user}",'
            f'"context":{{"groupId":"account-{account}","sessionId":"s-{user}-{mixed & 3}","channel":"web",'
            f'"library":{{"name":"bench","version":"1"}},"locale":"en-US"}}'
        )
        if kind == "track":
            return (
                f'{head},"event":"Event {self._names[mixed >> 32 & 0xFFFF]}",'
                f'"properties":{{"value":{mixed % 997},"plan":"pro","ok":true}}}}'
            )
        if kind == "page":
            page = self._pages[mixed >> 32 & 0xFFFF]
            return (
                f'{head},"name":"Page {page}",'
                f'"properties":{{"url":"https://app.example/p/{page}","path":"/p/{page}","title":"Page {page}"}}}}'
            )
        if kind == "identify":
            return f'{head},"traits":{{"email":"user{user}@example.com","role":"member","score":{mixed % 100}}}}}'
        return f'{head},"groupId":"account-{account}","traits":{{"name":"Account {account}","plan":"pro"}}}}'

    def _native(self, number: int, mixed: int, kind: str) -> str:
        user = self._user(mixed)
        return (
            f'{{"type":"{kind}","event_id":"{mixed:016x}{number:016x}","occurred_at":"{self._when(mixed)}",'
            f'"identify_id":"user-{user}","account_id":"account-{user // self.crowd.users_per_account}",'
            f'"session_id":"s-{user}-{mixed & 3}","channel":"web"{self._payload(number, mixed, kind)}}}'
        )

    def _payload(self, number: int, mixed: int, kind: str) -> str:
        engagement = self._engagements[mixed >> 32 & 0xFFFF]
        match kind:
            case "feature_match":
                return f',"feature_id":"feature-{self._features[mixed >> 32 & 0xFFFF]}"'
            case "page_view":
                return f',"page":{{"path":"/p/{self._pages[mixed >> 32 & 0xFFFF]}"}}'
            case "engagement_view" | "engagement_click":
                link = (
                    ',"link_url":"https://app.example/go"' if kind == "engagement_click" else ',"view_state":"VIEWED"'
                )
                return (
                    f',"engagement_id":"engagement-{engagement}","execution_id":"x-{number:x}",'
                    f'"step_number":{mixed & 7},"locale":"en-US","trigger_type":"AUTOMATIC"{link}'
                )
            case "article_view":
                article = mixed % self.crowd.articles
                return f',"external_article_id":"article-{article}","provider":"HELP_DOCS_ARTICLE_PROVIDER"'
            case "custom":
                return f',"event_name":"Event {self._names[mixed >> 32 & 0xFFFF]}","attributes":{{"value":1}}'
            case "email_event":
                return f',"engagement_id":"engagement-{engagement}","email_type":"EMAIL_TRACK_OPEN"'
            case "survey_response":
                return f',"engagement_id":"engagement-{engagement}","survey_type":"NPS","score":{mixed % 11}'
            case "feedback":
                return ',"subject":"Idea","category":"IDEA","description":"Make it faster, please"'
            case _:
                return ""


def _minutes(day: date, rng: Random) -> Sequence[str]:
    """Draws of minutes of the day, UTC, without seconds; more at rush hour."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    hours = rng.choices(range(24), weights=_HOURS, k=TABLE)
    return [f"{midnight + timedelta(hours=h, minutes=rng.randrange(60)):%Y-%m-%dT%H:%M}" for h in hours]


def batches(
    events: int, *, dialect: str = "segment", seed: int = 1, day: date = DAY_DEFAULT, batch: int = 100
) -> Iterator[Batch]:
    """Yield ``events`` events as the log keeps them, received at noon UTC of the day after."""
    generator = Generator(Crowd.of(events), dialect=dialect, seed=seed, day=day)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(days=1)
    left = events
    for body in generator.bodies(0, events, batch):
        yield Batch(
            received_at=int(noon.timestamp()) * 1_000_000,
            source="bench",
            dialect=dialect,
            call="batch" if dialect == "segment" else "events",
            count=min(batch, left),
            rejected=(),
            address="",
            user_agent="",
            body=body,
        )
        left -= min(batch, left)
