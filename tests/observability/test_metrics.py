"""What `GET /metrics` answers with; documents and dashboards are compared with it elsewhere."""

import math

from prometheus_client.parser import text_string_to_metric_families

from bot.observability.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    body, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_counters_gauges_and_histograms_are_shown_with_their_labels():
    metrics = Metrics()
    metrics.deliveries.labels(outcome="redacted", reason="audience").inc()
    metrics.delivery_seconds.observe(3)
    with metrics.relays_in_progress.track_inprogress():
        seen = samples(metrics)
    assert seen["callaudio_deliveries_total", ("audience", "redacted")] == 1
    assert seen["callaudio_delivery_seconds_sum", ()] == 3
    assert seen["callaudio_relays_in_progress", ()] == 1


def test_what_is_not_known_before_it_happens_is_nan():
    seen = samples(Metrics())
    assert math.isnan(seen["callaudio_socket_last_envelope_age_seconds", ()])
    assert math.isnan(seen["callaudio_canary_held_timestamp_seconds", ()])


def test_two_registries_do_not_share_figures():
    one, other = Metrics(), Metrics()
    one.requests.labels(source="command").inc()
    assert ("callaudio_requests_total", ("command",)) not in samples(other)
