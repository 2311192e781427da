"""Deliveries from before cards were stored get their card: it was always the parent."""

from sqlalchemy import text

from bot.store.engines import async_url
from bot.store.schema import upgrade
from tests.store.test_migrations_of_audit import NOON, blocking, spelt

INSERT = text(
    "INSERT INTO deliveries (id, team_id, user_id, source, agent_name, conversation_id, direction, "
    "asked_redacted, origin_channel_id, asked_channel_id, asked_thread_ts, requested_at, state, "
    "parent_ts) VALUES (:id, 'T0', 'U0', 'command', 'default', 'CA1', 'combined', :no, 'C0', "
    "'C0', :thread, :at, 'delivered', :parent)"
)


def test_the_parent_is_the_card_unless_another_person_began_the_thread(empty_url):
    upgrade(async_url(empty_url), "0005")
    engine = blocking(empty_url)
    with engine.begin() as connection:
        for name, thread in (("own", None), ("theirs", "2.0")):
            row = {"id": name, "thread": thread, "parent": thread or "1.0", "no": False}
            connection.execute(INSERT, {**row, "at": spelt(engine, NOON)})

    upgrade(async_url(empty_url))

    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, kind, card_ts FROM deliveries ORDER BY id"))
        assert [tuple(row) for row in rows] == [("own", "audio", "1.0"), ("theirs", "audio", None)]
    engine.dispose()
