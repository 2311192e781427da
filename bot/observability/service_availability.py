"""Whether Slack and PolyAI answer, judged by the metrics of ordinary calls."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from prometheus_client import Counter

from bot.observability.metrics import Metrics

UNANSWERED: frozenset[str] = frozenset(
    {"slack_unreachable", "slack_answer_lost", "slack_unclear", "none"}
)


@dataclass(frozen=True, slots=True)
class Calls:
    """How many calls were answered and how many failed since the process started."""

    answered: float
    failed: float


class ServiceAvailability:
    """Whether one service answers: it does not if all recent calls failed.

    Without calls since the last probe the previous result stands.
    """

    def __init__(self, count: Callable[[], Calls]) -> None:
        self._count = count
        self._seen = Calls(0, 0)
        self._answers = True

    async def probe(self) -> bool:
        """Return whether it answered recently, without calling it."""
        seen, now = self._seen, self._count()
        self._seen = now
        if now.answered > seen.answered:
            self._answers = True
        elif now.failed > seen.failed:
            self._answers = False
        return self._answers


def watch_services(
    metrics: Metrics, polyai_hosts: Collection[str]
) -> dict[str, ServiceAvailability]:
    """Watch Slack's Web API, and PolyAI by its hosts."""

    def of_polyai() -> Calls:
        return _calls(metrics.http_requests, "status", lambda labels: labels["host"] in hosts)

    hosts = frozenset(polyai_hosts)
    return {
        "slack": ServiceAvailability(lambda: _calls(metrics.slack_calls, "result", lambda _: True)),
        "polyai": ServiceAvailability(of_polyai),
    }


def _calls(counter: Counter, label: str, is_its: Callable[[dict[str, str]], bool]) -> Calls:
    answered = failed = 0.0
    for family in counter.collect():
        for sample in family.samples:
            if not sample.name.endswith("_total") or not is_its(sample.labels):
                continue
            value = sample.labels[label]
            if value in UNANSWERED or value.startswith("5"):
                failed += sample.value
            else:
                answered += sample.value
    return Calls(answered, failed)
