-- What the stored events say about people, in the order of the log: see ports.People.learn.
-- Input: told, the events that can say something. 8 identify, 19 email_event, 23 group, 24 alias (model/event.py,
-- EventType).
SELECT make_timestamp(occurred_us) AS at, kind, "user", other, attributes, source, event_id
FROM (
    SELECT ord, 1 AS nth, occurred_us, 'identify' AS kind, identify_id AS "user", NULL AS other, NULL AS attributes,
        source, event_id
    FROM told WHERE type = 8 AND identify_id IS NOT NULL
    UNION ALL
    SELECT ord, 2, occurred_us, 'user', identify_id, NULL, user_attributes, source, event_id
    FROM told WHERE identify_id IS NOT NULL AND user_attributes IS NOT NULL
    UNION ALL
    SELECT ord, 2, occurred_us, 'user', identify_id, NULL, '{"globalUnsubscribe":true}',
        -- Of one event with two sayings each must be known by itself.
        source, concat(event_id, '#unsubscribe')
    FROM told WHERE type = 19 AND detail = 'EMAIL_TRACK_UNSUBSCRIBE' AND identify_id IS NOT NULL
    UNION ALL
    SELECT ord, 3, occurred_us, 'account', NULL, account_id, account_attributes, source, event_id
    FROM told WHERE account_id IS NOT NULL AND account_attributes IS NOT NULL
    UNION ALL
    SELECT ord, 4, occurred_us, 'member', identify_id, account_id, NULL, source, event_id
    FROM told WHERE type IN (8, 23) AND identify_id IS NOT NULL AND account_id IS NOT NULL
    UNION ALL
    -- The earlier id of an alias may be a visitor's or a user's: nothing in the call says which, so both are told.
    SELECT ord, 5, occurred_us, 'link', identify_id, coalesce(previous_id, anonymous_id), NULL,
        source, event_id
    FROM told WHERE type IN (8, 24) AND identify_id IS NOT NULL AND coalesce(previous_id, anonymous_id) IS NOT NULL
    UNION ALL
    SELECT ord, 6, occurred_us, 'merge', identify_id, previous_id, NULL, source, event_id
    FROM told WHERE type = 24 AND identify_id IS NOT NULL AND previous_id <> identify_id
)
ORDER BY ord, nth
