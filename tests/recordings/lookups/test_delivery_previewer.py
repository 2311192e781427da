"""The conversations found in a message, separated by whether their agent is configured."""

from bot.recordings.lookups.delivery_previewer import Choice, DeliveryPreviewer
from bot.recordings.lookups.lookup_limit import LookupLimit
from bot.recordings.references.reference import Reference
from tests.recordings.references.test_agents import AGENTS, CALL, link
from tests.tables import each_row

OTHER = "CA" + "fedcba9876543210" * 2


def previewer_with(**services) -> DeliveryPreviewer:
    """Build a previewer with the services that a test needs; sorting calls none."""
    others = dict.fromkeys(("membership", "evaluator", "directory", "open_dm", "calls"))
    return DeliveryPreviewer(
        **{**others, "agents": AGENTS, "lookup_limit": LookupLimit(), **services}
    )


KNOWN, FOREIGN = link("PROJECT-SALES", "eu"), link("PROJECT-SALES", "uk")


@each_row(
    ("references", "choices", "not_configured"),
    [
        ([], [], []),
        ([Reference(CALL)], [("default", CALL)], []),
        ([Reference(OTHER), Reference(CALL, agent_name="sales")],
         [("default", OTHER), ("sales", CALL)], []),
        ([Reference(CALL), Reference(CALL, agent_name="default")], [("default", CALL)], []),
        ([Reference(CALL, agent_name="nobody"), Reference(OTHER)], [("default", OTHER)], [CALL]),
        ([KNOWN, FOREIGN], [("sales", CALL)], [CALL]),  # a link never adds an agent
    ],
)  # fmt: skip
def test_references_are_separated_by_whether_their_agent_is_configured(
    references, choices, not_configured
):
    previewer = previewer_with()
    found = previewer.sort(references)
    assert found.choices == tuple(Choice(*each) for each in choices)
    assert found.not_configured == tuple(not_configured)
    assert previewer.sort(each.reference for each in found.choices).choices == found.choices
