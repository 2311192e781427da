"""Checks whether a raw file was forwarded to a conversation where the rules refuse raw."""

from dataclasses import dataclass

from bot.access.exposure import Exposure
from bot.access.policy_evaluation import PolicyEvaluator
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.shares import FileShares, SharedIn, elsewhere
from bot.recordings.deliveries.slack_errors import ConversationUnseen
from bot.recordings.deliveries.slack_port import SlackPort
from bot.recordings.deliveries.take_back_causes import TakeBackCause

log = get_logger(__name__)

REFUSED = (Exposure.EXTERNAL, Exposure.PUBLIC, Exposure.AUDIENCE)
WITHHELD = "withheld"
"""Slack answered that the bot cannot see the conversation; other errors leave it unknown."""


@dataclass(frozen=True, slots=True)
class ForbiddenShare:
    """A raw file is shared where it must not be; ``place`` is None for a public link."""

    cause: TakeBackCause
    place: SharedIn | None = None
    because: str | None = None


class ForwardedFiles:
    """Reads where the files of a delivery are shared, and decides for each as a destination."""

    def __init__(self, *, evaluator: PolicyEvaluator, slack: SlackPort) -> None:
        self._evaluator = evaluator
        self._slack = slack

    async def find(self, delivery: Delivery) -> FileShares | None:
        """Return the shares of the files except in their destination; None if Slack fails."""
        channel_id = delivery.channel_id
        try:
            shares = [await self._slack.file_shares(each, channel_id) for each in delivery.file_ids]
        except CallAudioError as error:
            log.warning("shares_unknown", delivery_id=delivery.id, code=error.code)
            return None
        return elsewhere(shares, delivery.reported_channels, channel_id)

    async def check(self, delivery: Delivery, found: FileShares) -> ForbiddenShare | Exposure:
        """Return a forbidden share; certain ones take precedence over unknown facts."""
        if found.has_public_link:
            return ForbiddenShare(TakeBackCause.PUBLIC_LINK)
        exposures = set()
        for place in found.places:
            result = await self._check_share(delivery, place)
            if isinstance(result, ForbiddenShare):
                return result
            exposures.add(result)
        if Exposure.RIGHT_ENDED in exposures:
            return Exposure.RIGHT_ENDED
        is_known = found.is_complete and found.has_public_link is False
        return Exposure.UNVERIFIED if exposures - {Exposure.FINE} or not is_known else Exposure.FINE

    async def _check_share(self, delivery: Delivery, place: SharedIn) -> ForbiddenShare | Exposure:
        team_id, raw_only = delivery.team_id, delivery.is_transcript
        facts = await self._evaluator.conversation_facts(
            team_id, place.channel_id, raw_only=raw_only
        )
        if isinstance(facts.error, ConversationUnseen):
            return ForbiddenShare(TakeBackCause.FORWARDED, place, WITHHELD)
        # In direct messages with the bot the person there is the only listener.
        listener_id = facts.conversation.im_user_id if facts.conversation else None
        requester_id = listener_id or delivery.user_id
        exposure = await self._evaluator.exposure(team_id, requester_id, facts, raw_only=raw_only)
        if exposure is Exposure.RIGHT_ENDED and requester_id != delivery.user_id:
            exposure = Exposure.AUDIENCE
        if exposure in REFUSED:
            return ForbiddenShare(TakeBackCause.FORWARDED, place, exposure.value)
        return exposure
