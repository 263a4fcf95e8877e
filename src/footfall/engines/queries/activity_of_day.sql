-- What the day's events add to totals, in two kinds of rows. With user_key: one per user and account (null: none)
-- who did something; to enter or leave an audience is nothing that a user does.
-- With engagement (term key): showings that were viewed that day, by anybody.
WITH seen AS (
    SELECT
        user_key, account_key,
        count(*) FILTER (type = 1) AS visits,
        count(*) FILTER (type = 1 AND channel IN (SELECT key FROM term_texts WHERE text = 'web')) AS web_visits,
        max(at_us) AS seen_at
    FROM events
    WHERE type IN (1, 8) AND user_key IS NOT NULL
    GROUP BY user_key, account_key
)
SELECT
    a.user_key, a.account_key, NULL::INTEGER AS engagement,
    coalesce(s.visits, 0) AS visits,
    coalesce(s.web_visits, 0) AS web_visits,
    s.seen_at,
    a.n AS events,
    0::BIGINT AS views
FROM pairs a
LEFT JOIN seen s ON s.user_key = a.user_key AND s.account_key IS NOT DISTINCT FROM a.account_key
WHERE a.done > 0
UNION ALL
SELECT
    NULL, NULL, name, 0, 0, NULL, 0,
    count(DISTINCT execution)
FROM details
WHERE type = 14 AND name IS NOT NULL AND detail IN (SELECT key FROM term_texts WHERE text = 'VIEWED')
GROUP BY name
