"""The figures of a period, computed from the whole list of its conversations."""

import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from zoneinfo import ZoneInfo

from bot.digests.report import BusiestHour, Figures, NameCount
from bot.polyai.normalization import CallSummary


def plain_figures(calls: Sequence[CallSummary], zone: ZoneInfo) -> Figures:
    spoken = [call for call in calls if call.channel not in ("WEBCHAT", "CHAT")]
    ended = [call for call in spoken if not call.in_progress]
    timed = [call for call in ended if call.length_seconds is not None]
    lengths = [call.length_seconds for call in timed]
    handed = [call for call in spoken if call.handoff]
    reasons = Counter(call.handoff_reason for call in handed if call.handoff_reason)
    told = [call for call in spoken if call.silences is not None and call.turns is not None]
    by_length = sorted(
        timed, key=lambda call: (call.length_seconds, call.started_at, call.conversation_id)
    )
    local = [call.started_at.astimezone(zone) for call in calls]
    wall_hours = Counter(
        (each.replace(minute=0, second=0, microsecond=0, tzinfo=None), each.utcoffset())
        for each in local
    )
    first = min(
        wall_hours.items(), key=lambda item: (-item[1], item[0][0] - item[0][1]), default=None
    )
    hours = Counter(each.hour for each in local)
    return Figures(
        conversations=len(calls),
        chats=len(calls) - len(spoken),
        in_progress=len(spoken) - len(ended),
        timed=len(timed),
        total_seconds=sum(lengths),
        median_seconds=statistics.median(lengths) if lengths else None,
        longest=by_length[-1] if by_length else None,
        shortest=by_length[0] if by_length else None,
        inbound=sum(call.direction == "inbound" for call in spoken),
        outbound=sum(call.direction == "outbound" for call in spoken),
        handoff_known=sum(call.handoff is not None for call in spoken),
        handoffs=len(handed),
        reasons=tuple(
            NameCount(name, n) for name, n in sorted(reasons.items(), key=lambda i: (-i[1], i[0]))
        ),
        other_handoffs=sum(not call.handoff_reason for call in handed),
        turns_known=len(told),
        silent=sum(
            call.turns is not None
            and call.turns > 0
            and call.silences is not None
            and call.silences >= call.turns
            for call in ended
        ),
        cut_short=sum(length <= 10 for length in lengths),
        hours=tuple(hours[hour] for hour in range(24)),
        busiest=BusiestHour(
            (first[0][0] - first[0][1]).replace(tzinfo=UTC).astimezone(zone), first[1]
        )
        if first
        else None,
    )
