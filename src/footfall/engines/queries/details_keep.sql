-- The events whose rows reports look at one by one: (type, at_us, user_key, …, properties). One scan for all of them.
-- event_id is left out: reading it would cost more than all the rest of this scan.
SELECT
    type, at_us, user_key, account_key, product, environment, name, detail, locale, trigger_type, step_number,
    CASE WHEN type = 14 THEN coalesce('e' || execution_id, 's' || ingest_seq) END AS execution,
    CASE WHEN type != 14 THEN properties END AS properties,
    CASE WHEN type = 17 THEN global_context END AS global_context
FROM events
WHERE type IN (14, 15, 16, 17, 18, 20)
