"""The content of an access digest."""

from collections.abc import Iterable

from bot.digests.digest import Period
from bot.digests.report import AccessReport, HeldRight, PersonTally
from bot.slack.blocks import Block, context, fields, section
from bot.slack.digests import charts, tables, words
from bot.slack.wording import code, counted, escape, outcome

WHO_EDITS = "People who can edit one of these groups in Slack decide who holds its right."


def blocks(report: AccessReport, period: Period, *, is_plain: bool) -> list[Block]:
    """Build the blocks; ``is_plain``: without blocks that a workspace may refuse."""
    parts = [_fields(report)]
    if not is_plain:
        parts += [charts.block(chart) for chart in charts.charts_of(report, period)]
    if report.reasons:
        why = (
            f"{outcome(each.outcome)}, {escape(words.reason(each.reason))}: {each.count:,}"
            for each in report.reasons
        )
        parts.append(section("*By reason*\n" + "\n".join(why)))
    parts += _people(report, is_plain=is_plain)
    if report.grants.next_to_end:
        ends = (_right(each, period) for each in report.grants.next_to_end)
        parts.append(section("*Ending soon*\n" + "\n".join(ends)))
    if report.groups:
        lines = [_right(each, period) for each in report.groups]
        if more := report.groups_in_all - len(report.groups):
            lines.append(f"and {more:,} more")
        parts.append(section("*Groups that hold a right*\n" + "\n".join(lines)))
        parts.append(context(WHO_EDITS))
    parts.append(context(_audit(report)))
    return parts


def summary(report: AccessReport) -> str:
    """Summarize the report in one sentence, for notifications."""
    raw = sum(each.count for each in report.outcomes if each.name == "raw")
    return f"{counted(report.deliveries, 'recording')} requested, {raw:,} delivered unredacted"


def _fields(report: AccessReport) -> Block:
    by_outcome = {each.name: each.count for each in report.outcomes}
    requests, grants = report.requests, report.grants
    values = {
        "Recordings": _counts((outcome(name), by_outcome.get(name, 0)) for name in charts.OUTCOMES),
        "Files taken back": _counts(
            (words.TAKEN_BACK.get(each.name, each.name), each.count) for each in report.taken_back
        ),
        "Requests for access": _counts(
            (
                ("made", requests.asked),
                ("approved", requests.approved),
                ("denied", requests.denied),
                ("expired", requests.expired),
                ("pending", requests.pending),
            )
        ),
        "Rights": _counts(
            (
                ("granted", grants.given),
                ("denied", grants.denied),
                ("revoked", grants.revoked),
                ("ending soon", grants.ending),
            )
        ),
    }
    if report.checked:
        values["Redaction checked"] = _counts(
            (words.CHECKED.get(each.name, each.name), each.count) for each in report.checked
        )
    return fields(values)


def _counts(named: Iterable[tuple[str, int]]) -> str:
    return "\n".join(f"{escape(name)}: {count:,}" for name, count in named if count) or "none"


def _people(report: AccessReport, *, is_plain: bool) -> list[Block]:
    if not report.people:
        return []
    more = report.people_in_all - len(report.people)
    lines = "\n".join(map(_person, report.people))
    listed = section(f"*Who received what*\n{lines}") if is_plain else tables.people(report.people)
    rest = context(f"and {counted(more, 'more person', 'more people')}")
    return [listed, rest] if more else [listed]


def _person(person: PersonTally) -> str:
    received = (
        ("unredacted", person.raw),
        ("redacted", person.redacted),
        ("refused", person.refused),
        ("failed", person.other),
    )
    return f"<@{person.user_id}>: " + ", ".join(f"{count:,} {name}" for name, count in received)


def _right(held: HeldRight, period: Period) -> str:
    # A group's mention would call all of its members.
    who = f"<@{held.subject_id}>" if held.subject_kind == "user" else code(held.subject_id)
    until = f" until {words.moment(held.ends_at, period.zone)}" if held.ends_at else ""
    return f"{who} · {code(held.right)}{until}"


def _audit(report: AccessReport) -> str:
    if report.head is None:
        return "Nothing has been audited yet."
    anchor = f"{report.head.team_id}:{report.head.seq}:{report.head.hash}"
    return f"{counted(report.audit_events, 'audit event')}; the chain ends in {code(anchor)}"
