"""The scopes the doctor asks for are the manifest's, optional ones apart."""

from pathlib import Path

import yaml

from bot.slack.web_api.scopes import REQUIRED, WITHOUT

MANIFEST = yaml.safe_load((Path(__file__).parents[2] / "app_manifest.yml").read_text())


def test_required_and_optional_scopes_are_the_manifest_s():
    scopes = MANIFEST["oauth_config"]["scopes"]
    assert set(scopes["bot_optional"]) == set(WITHOUT)
    assert set(scopes["bot"]) == REQUIRED | set(WITHOUT)
