import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.observability.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    body, _ = metrics.render()
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_the_metrics_have_the_names_that_dashboards_use():
    metrics = Metrics()
    metrics.requests.labels(source="command").inc()
    metrics.deliveries.labels(outcome="redacted", reason="audience").inc()
    metrics.errors.labels(code="usage").inc()
    metrics.delivery_seconds.observe(3)
    metrics.relay_bytes.labels(variant="raw").inc(1024)
    metrics.socket_envelope_age_seconds.set(12)
    metrics.slack_calls.labels(method="auth.test", result="ok").inc()
    metrics.http_requests.labels(host="api.example", status="200").inc()
    metrics.takeovers.labels(kind="deliver").inc()
    metrics.leases_lost.labels(kind="deliver").inc()
    with metrics.relays_in_progress.track_inprogress():
        seen = samples(metrics)
    assert seen["callaudio_requests_total", ("command",)] == 1
    assert seen["callaudio_deliveries_total", ("audience", "redacted")] == 1
    assert seen["callaudio_errors_total", ("usage",)] == 1
    assert seen["callaudio_delivery_seconds_sum", ()] == 3
    assert seen["callaudio_relay_bytes_total", ("raw",)] == 1024
    assert seen["callaudio_relays_in_progress", ()] == 1
    assert seen["callaudio_socket_last_envelope_age_seconds", ()] == 12
    assert seen["callaudio_slack_calls_total", ("auth.test", "ok")] == 1
    assert seen["callaudio_http_requests_total", ("200", "api.example")] == 1
    assert seen["callaudio_work_taken_over_total", ("deliver",)] == 1
    assert seen["callaudio_leases_lost_total", ("deliver",)] == 1


def test_without_socket_mode_the_age_of_its_envelope_is_nan():
    age = samples(Metrics())["callaudio_socket_last_envelope_age_seconds", ()]
    assert age != pytest.approx(age)


def test_two_registries_do_not_share_figures():
    one, other = Metrics(), Metrics()
    one.requests.labels(source="command").inc()
    assert ("callaudio_requests_total", ("command",)) not in samples(other)


def test_the_content_type_is_that_of_prometheus():
    _, content_type = Metrics().render()
    assert content_type.startswith("text/plain; version=")
