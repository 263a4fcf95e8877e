"""Tell people how runs ended: put what the rules ask for into the outbox, in the transaction that ends the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

from footfall import observe
from footfall.errors import Refused
from footfall.model.channels import EMAIL_CHANNEL, EMAIL_TO, Channel, Rule, check_addresses
from footfall.model.jobs import FileFacts, Job, Run, Verdict
from footfall.model.notices import Ending, notices
from footfall.model.row_counts import NO_OPINION, Opinion, alike, opinion
from footfall.ports import Channels, Claim, Outbox

_ROWS: Final = frozenset({"no_data", "unusual"})

# Was everything of the slot delivered by this run, and not partly by one before it?
Whole = Callable[[Claim], bool]


class Teller:
    """Told of every run that ended. See ``flows.run_jobs.Ended``.

    whole: whether the rows of this run are those of its slot, so that they can be compared with other slots.
    apart: what is written inside is kept whole or not at all, whatever becomes of the transaction around it.
    """

    def __init__(
        self, channels: Channels, outbox: Outbox, whole: Whole, apart: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._channels = channels
        self._outbox = outbox
        self._whole = whole
        self._apart = apart

    def __call__(self, claim: Claim, run: Run, verdict: Verdict, files: Sequence[FileFacts]) -> None:
        """Whatever goes wrong here is said in the log and leaves the end of the run as it is; no part of it is kept."""
        try:
            with self._apart():  # a streak without its notice would never be told
                self._tell(claim, run, verdict, files)
        except Exception as error:
            observe.went_wrong("telling failed", error, job=run.job, slot=run.slot, attempt=run.attempt)

    def _tell(self, claim: Claim, run: Run, verdict: Verdict, files: Sequence[FileFacts]) -> None:
        job = claim.job
        channels = {channel.name: channel for channel in self._channels.all()}
        rules = [*self._channels.rules(), *_own_rules(job, channels)]
        seen = self._opinion(claim, run, rules)
        keys = tuple(file.key for file in files)
        ending = Ending(job, claim.slot, run, verdict, self._outbox.streak(job.name), seen, keys)
        if ending.streak_after != ending.streak:
            self._outbox.set_streak(job.name, ending.streak_after)
        put = self._outbox.put(notices(ending, rules, channels), run.ended_at or run.begun_at)
        if put:
            observe.happened("notices put", job=job.name, slot=run.slot, attempt=run.attempt, notices=put)

    def _opinion(self, claim: Claim, run: Run, rules: Sequence[Rule]) -> Opinion:
        wanted = any(rule.concerns(run.job) and _ROWS.intersection(rule.on) for rule in rules)
        if not wanted or run.state != "succeeded" or not self._whole(claim):
            return NO_OPINION
        return opinion(run.rows, self._outbox.counted(run.job, alike(claim.job.schedule, claim.slot)))


def email_of(job: Job, channels: Mapping[str, Channel]) -> Rule | None:
    """The rule that a job's options ``email_to`` and ``email_channel`` make; None without them.

    Raises ``Refused`` for what is no address, and when it is not clear through which mail channel to send.
    """
    given = job.options.get(EMAIL_TO) or ()
    to = tuple(each.strip() for each in given.split(",")) if isinstance(given, str) else tuple(map(str, given))
    if not to:
        return None
    check_addresses(to)
    name = str(job.options.get(EMAIL_CHANNEL) or "")
    mail = [channel.name for channel in channels.values() if channel.kind == "mail"]
    if not name and len(mail) == 1:
        name = mail[0]
    if name not in mail:
        what = f"'{name}', which is no mail channel" if name else "no channel to send mail through"
        hint = "Add one with `footfall notifications channels add`" if not mail else f"Choose among {', '.join(mail)}"
        raise Refused(f"job '{job.name}' has {EMAIL_TO}, and {what}", f"{hint}; the option is {EMAIL_CHANNEL}")
    return Rule(name="email-to", channel=name, jobs=(job.name,), on=("done",), to=to)


def _own_rules(job: Job, channels: Mapping[str, Channel]) -> list[Rule]:
    try:
        rule = email_of(job, channels)
    except Refused as refused:
        observe.went_wrong("no mail when done", refused, job=job.name)
        return []
    return [] if rule is None else [rule]
