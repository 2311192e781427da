"""The conversations found in a message, separated by whether their agent is configured."""

import pytest

from bot.recordings.lookups.delivery_previewer import Choice, DeliveryPreviewer
from bot.recordings.lookups.lookup_limit import LookupLimit
from bot.recordings.references.reference import Reference
from tests.recordings.references.test_agents import AGENTS, CALL, link

OTHER = "CA" + "fedcba9876543210" * 2


@pytest.fixture
def previewer() -> DeliveryPreviewer:
    """Build a previewer without services, because sorting calls none."""
    return DeliveryPreviewer(
        membership=None,
        evaluator=None,
        directory=None,
        open_dm=None,
        calls=None,
        agents=AGENTS,
        lookup_limit=LookupLimit(),
    )


@pytest.mark.parametrize(
    ("references", "choices", "not_configured"),
    [
        pytest.param([], [], [], id="no references"),
        pytest.param([Reference(CALL)], [("default", CALL)], [], id="a bare id is the default's"),
        pytest.param(
            [Reference(OTHER), Reference(CALL, agent_name="sales")],
            [("default", OTHER), ("sales", CALL)],
            [],
            id="the order stays",
        ),
        pytest.param(
            [Reference(CALL), Reference(CALL, agent_name="default")],
            [("default", CALL)],
            [],
            id="one call of one agent counts once",
        ),
        pytest.param(
            [Reference(CALL, agent_name="nobody"), Reference(OTHER)],
            [("default", OTHER)],
            [CALL],
            id="an agent that is not set up is reported",
        ),
    ],
)
def test_references_are_separated_by_whether_their_agent_is_configured(
    previewer, references, choices, not_configured
):
    found = previewer.sort(references)
    assert found.choices == tuple(Choice(*each) for each in choices)
    assert found.not_configured == tuple(not_configured)


def test_a_link_chooses_a_configured_agent_and_adds_none(previewer):
    known, foreign = link("PROJECT-SALES", "eu"), link("PROJECT-SALES", "uk")
    found = previewer.sort([known, foreign])
    assert found.choices == (Choice("sales", known.conversation_id),)
    assert found.not_configured == (foreign.conversation_id,)


def test_a_choice_refers_to_its_agent(previewer):
    (choice,) = previewer.sort([Reference(CALL, agent_name="sales")]).choices
    assert previewer.sort([choice.reference]).choices == (choice,)
