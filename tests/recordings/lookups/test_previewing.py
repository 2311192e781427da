"""What was found in a message, told apart by whether it can be fetched here."""

import pytest

from bot.recordings.lookups.lookup_limit import LookupLimit
from bot.recordings.lookups.previewing import Choice, Previewing
from bot.recordings.references.reference import Reference
from tests.recordings.references.test_agents import AGENTS, CALL, link

OTHER = "CA" + "fedcba9876543210" * 2


@pytest.fixture
def previewing() -> Previewing:
    """Sorting asks nobody."""
    return Previewing(
        membership=None,
        evaluator=None,
        directory=None,
        open_dm=None,
        calls=None,
        agents=AGENTS,
        lookup_limit=LookupLimit(),
    )


@pytest.mark.parametrize(
    ("references", "choices", "strange"),
    [
        pytest.param([], [], [], id="nothing is nothing"),
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
            id="an agent that is not set up is strange",
        ),
    ],
)
def test_sorting(previewing, references, choices, strange):
    found = previewing.sort(references)
    assert found.choices == tuple(Choice(*each) for each in choices)
    assert found.strange == tuple(strange)


def test_a_link_chooses_among_agents_and_adds_none(previewing):
    known, foreign = link("PROJECT-SALES", "eu"), link("PROJECT-SALES", "uk")
    found = previewing.sort([known, foreign])
    assert found.choices == (Choice("sales", known.conversation_id),)
    assert found.strange == (foreign.conversation_id,)


def test_a_choice_leads_back_to_its_agent(previewing):
    (choice,) = previewing.sort([Reference(CALL, agent_name="sales")]).choices
    assert previewing.sort([choice.reference]).choices == (choice,)
