"""The dashboard and the alerts use existing metrics, labels and values."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from bot.observability.metrics import Metrics
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.slack.rejected_requests import RejectionCause
from tests.contracts.test_project_files import ROOT, text
from tests.tables import each_row
from tests.test_errors import kinds

DASHBOARD, ALERTS = "deploy/grafana-dashboard.json", "deploy/prometheus-alerts.yml"
OF_PROMETHEUS = {"up": {"job", "instance"}}
OF_EVERY_TARGET = {"job", "instance"}
PROMTOOL = shutil.which("promtool")

ALARMS = {
    "CallaudioDown": ('up{job="callaudio"}', "0x19", "1x19"),
    "CallaudioDatabaseAway": ("callaudio_backlog_known", "0x19", "1x19"),
    "CallaudioNobodyWorks": ('callaudio_work_waiting{kind="deliver"}', "4x19", "0x19"),
    "CallaudioDeliveriesWait": ("callaudio_oldest_delivery_seconds", "301x19", "299x19"),
    "CallaudioDeliveriesFail": (
        'callaudio_deliveries_total{outcome="failed"}',
        "0+1x19",
        "0+0.1x19",
    ),
    "CallaudioDeliveriesFrozen": ("callaudio_deliveries_frozen", "1x19", "0x19"),
    "CallaudioSlackFails": (
        'callaudio_slack_calls_total{result="slack_unreachable"}',
        "0+2x19",
        "0+0.5x19",
    ),
    "CallaudioSlackRateLimits": (
        'callaudio_slack_calls_total{result="slack_rate_limited"}',
        "0+3x19",
        "0+1x19",
    ),
    "CallaudioPolyAIFails": (
        'callaudio_http_requests_total{host="api.example",status="503"}',
        "0+2x19",
        "0+0.5x19",
    ),
    "CallaudioRawFilesStay": ("callaudio_raw_files_overdue", "1x19", "0x19"),
    "CallaudioChecksLate": ('callaudio_work_late_seconds{kind="check_audience"}', "61x19", "60x19"),
    "CallaudioDigestsLate": ("callaudio_digest_late_seconds", "901x19", "60x19"),
    # The test's time begins at 0, so a time before 1970 is long ago.
    "CallaudioCanaryUnseen": ("callaudio_canary_held_timestamp_seconds", "-10800x19", "0x19"),
    "CallaudioAgentFails": (
        'callaudio_polyai_errors_total{agent="sales",status="401"}',
        "0+1x19",
        "0+0.1x19",
    ),
    "CallaudioWorkersDie": ("callaudio_work_taken_over_total", "0+1x19", "0+0.1x19"),
    "CallaudioStrangersKnock": (
        'callaudio_requests_turned_away_total{cause="signature_wrong"}',
        "0+3x19",
        "0+1x19",
    ),
}
"""For each alert: a series by minutes that makes it fire, and one that does not."""
ALSO_FIRES = {
    # A single process, started again each minute.
    "CallaudioWorkersDie": ('callaudio_work_taken_over_created{kind="deliver"}', "0+60x19", "0x19")
}
BESIDE = {
    # A worker holds work, so that only the alert on missing workers can fire.
    "CallaudioNobodyWorks": ('callaudio_work_held{kind="deliver"}', "0x19")
}


def values() -> dict[str, set[str]]:
    """The possible values of the labels that an expression names."""
    return {
        "outcome": {"raw", "redacted", "refused", "failed"},
        "result": {"ok"} | {each.code for each in kinds()},
        "cause": {each.value for each in (*TakeBackCause, *RejectionCause)},
    }


def figures() -> dict[str, set[str]]:
    """The labels of each series, by its name in queries."""
    found = dict(OF_PROMETHEUS)
    for family, names in Metrics().registry._collector_to_names.items():
        for name in names:
            own = {"le"} if name.endswith("_bucket") else set()
            found[name] = {*family._labelnames, *own, *OF_EVERY_TARGET}
    return found


def alerts() -> list[dict[str, str]]:
    return yaml.safe_load(text(ALERTS))["groups"][0]["rules"]


def expressions() -> list[str]:
    panels = json.loads(text(DASHBOARD))["panels"]
    return [each["expr"] for each in alerts()] + [
        target["expr"] for panel in panels for target in panel["targets"]
    ]


@each_row("expression", expressions())
def test_every_expression_uses_metrics_of_the_bot(expression):
    told = figures()
    names = set(re.findall(r"\bcallaudio_\w+|\bup\b", expression))
    assert names
    assert names <= set(told)
    labels = {label for name in names for label in told[name]}
    matched = dict(re.findall(r'(\w+)=~?"([^"]*)"', expression))
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    asked = {*matched, *(each.strip() for group in grouped for each in group.split(","))}
    assert asked <= labels
    for label in matched.keys() & values():
        assert set(matched[label].split("|")) <= values()[label]


def test_every_figure_is_on_the_dashboard():
    drawn = " ".join(
        each["expr"] for p in json.loads(text(DASHBOARD))["panels"] for each in p["targets"]
    )
    families = {names[0] for names in Metrics().registry._collector_to_names.values()}
    assert {name for name in families if name not in drawn} == set()


def test_every_panel_says_what_it_shows_and_every_alert_what_to_do():
    assert all(panel["description"] for panel in json.loads(text(DASHBOARD))["panels"])
    assert all(set(alert["annotations"]) == {"summary", "action"} for alert in alerts())
    assert {alert["alert"] for alert in alerts()} == set(ALARMS)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_every_alert_fires_when_it_should_and_not_before(tmp_path):
    cases = []
    for name, (series, bad, good) in [*ALARMS.items(), *ALSO_FIRES.items()]:
        for values, fires in ((bad, True), (good, False)):
            inputs = [{"series": series, "values": values}]
            if name in BESIDE:
                inputs.append(dict(zip(("series", "values"), BESIDE[name], strict=True)))
            if name == "CallaudioDeliveriesFail":
                others = {"series": 'callaudio_deliveries_total{outcome="raw"}', "values": "0+1x19"}
                inputs.append(others)
            count = {"expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'}
            cases.append(
                {
                    "interval": "1m",
                    "input_series": inputs,
                    "promql_expr_test": [
                        {
                            **count,
                            "eval_time": "18m",
                            "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
                        }
                    ],
                }
            )
    rules = {"rule_files": [str(ROOT / ALERTS)], "evaluation_interval": "1m", "tests": cases}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(rules))
    done = subprocess.run(
        [PROMTOOL, "test", "rules", tmp_path / "tests.yml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
