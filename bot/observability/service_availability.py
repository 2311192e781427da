"""Whether Slack and PolyAI answer, judged by the metrics of ordinary calls."""

from collections.abc import Collection

from prometheus_client import Counter

from bot.observability.metrics import Metrics

UNANSWERED: frozenset[str] = frozenset(
    {"slack_unreachable", "slack_answer_lost", "slack_unclear", "none"}
)


class ServiceAvailability:
    """Whether one service answers: it does not if all recent calls failed.

    Without calls since the last probe the previous result stands.
    """

    def __init__(
        self, calls: Counter, result_label: str, hosts: Collection[str] | None = None
    ) -> None:
        self._calls = calls
        self._result_label = result_label
        self._hosts = hosts
        self._counted = (0.0, 0.0)
        self._answers = True

    async def probe(self) -> bool:
        """Return whether it answered recently, without calling it."""
        (answered_before, failed_before), self._counted = self._counted, self._count()
        answered, failed = self._counted
        if answered > answered_before:
            self._answers = True
        elif failed > failed_before:
            self._answers = False
        return self._answers

    def _count(self) -> tuple[float, float]:
        """Count the calls that were answered and those that failed since the process started."""
        answered = failed = 0.0
        for family in self._calls.collect():
            for sample in family.samples:
                is_its = self._hosts is None or sample.labels["host"] in self._hosts
                if not sample.name.endswith("_total") or not is_its:
                    continue
                result = sample.labels[self._result_label]
                if result in UNANSWERED or result.startswith("5"):
                    failed += sample.value
                else:
                    answered += sample.value
        return answered, failed


def watch_services(
    metrics: Metrics, polyai_hosts: Collection[str]
) -> dict[str, ServiceAvailability]:
    """Watch Slack's Web API, and PolyAI by its hosts."""
    return {
        "slack": ServiceAvailability(metrics.slack_calls, "result"),
        "polyai": ServiceAvailability(metrics.http_requests, "status", polyai_hosts),
    }
