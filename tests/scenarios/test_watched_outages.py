"""Each dependency is stopped under traffic: the alerts name it, and since when."""

import asyncio
import math
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bot.sandbox.faults import Fault
from tests.contracts.test_monitoring import ALERTS, PROMTOOL
from tests.contracts.test_project_files import ROOT
from tests.polling import DEADLINE_SECONDS, until
from tests.scenarios.killed_bot import LISTENER, QUICK, WORKER, Bot, Street
from tests.scenarios.scene import ALICE, CHANNEL
from tests.tcp_relay import DatabaseRelay

WELL, AWAY = 4, 9
"""Minutes of Prometheus' time before the outage, and in it; each is one scrape here."""
NOTICED_WITHIN = 3
COMMANDS_A_MINUTE = 4
OUTAGE_MINUTE_SECONDS = 0.3
LONGEST_PROBE_SECONDS = 0.05
"""Minutes are short here, and so are the waits before a host that is away is tried again."""
OF_DEPENDENCIES = "Callaudio(Down|DatabaseAway|NobodyWorks|SlackFails|PolyAIFails|AgentFails)"


@dataclass
class City:
    """A web process, a worker, and the network between them and their database."""

    street: Street
    relay: DatabaseRelay
    web: Bot
    worker: Bot
    is_well: bool = True
    minutes: int = 0
    series: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    async def minute(self) -> None:
        """Make requests, then scrape both processes once."""
        scene = self.street.scene
        calls = [scene.another_call() for _ in range(COMMANDS_A_MINUTE)]
        await asyncio.gather(*(scene.people.command(ALICE, CHANNEL, each) for each in calls))
        if self.is_well:
            await until(self._is_at_rest)  # a minute is long enough for that
        else:
            await asyncio.sleep(OUTAGE_MINUTE_SECONDS)
        for bot in (self.web, self.worker):
            target = f'job="callaudio",instance="{bot.port}"'
            text = await bot.metrics()
            self._put(f"up{{{target}}}", float(text is not None))
            for family in text_string_to_metric_families(text or ""):
                for sample in family.samples:
                    labels = "".join(f',{name}="{told}"' for name, told in sample.labels.items())
                    self._put(f"{sample.name}{{{target}{labels}}}", sample.value)
        self.minutes += 1
        for values in self.series.values():  # as Prometheus does with what a scrape lacks
            values.extend(["stale"] * (self.minutes - len(values)))

    async def _is_at_rest(self) -> bool:
        """Whether all is delivered and no work waits: one that does would begin an alert early."""
        told = await self.web.metrics() or ""
        is_delivered = "callaudio_oldest_delivery_seconds 0.0" in told
        return is_delivered and not re.search(r"callaudio_work_waiting\{.*\} [1-9]", told)

    def _put(self, series: str, value: float) -> None:
        values = self.series[series]
        values += ["_"] * (self.minutes - len(values))  # unknown before
        values.append(f"{value:.6f}" if not math.isnan(value) else "NaN")


async def kill_database(city: City) -> None:
    city.relay.is_open = False
    await city.relay.cut()


async def kill_slack(city: City) -> None:
    city.street.scene.slack.faults.everywhere = Fault("", drop_connection=True)


async def kill_polyai(city: City) -> None:
    city.street.scene.polyai.faults.everywhere = Fault("", drop_connection=True)


async def revoke_key(city: City) -> None:
    city.street.scene.polyai.keys.clear()


async def kill_worker(city: City) -> None:
    await city.worker.kill()
    await asyncio.sleep(QUICK.lease.total_seconds())  # less than a minute, as in production


@pytest.mark.long
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    ("kill", "alerts"),
    [
        pytest.param(kill_database, {"CallaudioDatabaseAway"}, id="the database"),
        pytest.param(kill_slack, {"CallaudioSlackFails"}, id="Slack"),
        pytest.param(kill_polyai, {"CallaudioPolyAIFails"}, id="PolyAI"),
        pytest.param(revoke_key, {"CallaudioPolyAIFails", "CallaudioAgentFails"}, id="the keys"),
        pytest.param(kill_worker, {"CallaudioDown", "CallaudioNobodyWorks"}, id="the worker"),
    ],
)
async def test_the_alerts_name_the_stopped_dependency_and_the_time(
    kill, alerts, new_street, migrated_postgresql, tmp_path
):
    url = migrated_postgresql()
    async with new_street(database_url=url) as street, DatabaseRelay(url) as relay:
        street.environment["DATABASE_URL"] = relay.url
        patient = {  # a busy machine is not an outage
            "probe_seconds": DEADLINE_SECONDS,
            "longest_probe_seconds": LONGEST_PROBE_SECONDS,
        }
        web, worker = [await street.start(each, **patient) for each in (LISTENER, WORKER)]
        city = City(street, relay, web, worker)
        for _ in range(WELL):
            await city.minute()
        city.is_well = False
        await kill(city)
        for _ in range(AWAY):
            await city.minute()
        for violation in street.scene.workspace.violations:
            street.scene.excuse(violation)
        relay.is_open = True
        street.scene.slack.faults.clear()
        street.scene.polyai.faults.clear()

    end = WELL + AWAY - 1
    firing = f'group by (alertname) (ALERTS{{alertstate="firing",alertname=~"{OF_DEPENDENCIES}"}})'
    since = f'min by (alertname) (ALERTS_FOR_STATE{{alertname=~"{"|".join(sorted(alerts))}"}}) / 60'
    on_time = f"{since} >= {WELL} <= {WELL + NOTICED_WITHIN}"
    each_once = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(alerts)]
    expected = [
        {"expr": firing, "eval_time": f"{WELL - 1}m", "exp_samples": []},
        {"expr": firing, "eval_time": f"{end}m", "exp_samples": each_once},
        {"expr": f"({on_time}) ^ 0", "eval_time": f"{end}m", "exp_samples": each_once},
    ]
    told = [{"series": name, "values": " ".join(each)} for name, each in city.series.items()]
    case = {"interval": "1m", "input_series": told, "promql_expr_test": expected}
    rules = {"rule_files": [str(ROOT / ALERTS)], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(rules))
    told_by = [PROMTOOL, "test", "rules", str(tmp_path / "tests.yml")]
    done = await asyncio.to_thread(
        subprocess.run, told_by, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
