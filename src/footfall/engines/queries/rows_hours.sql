-- The most sessions open at once per local hour, account, product and environment: (account_key, product, environment,
-- hour, count). Needs hours(place, hour, since, until). A session counts as open at its first and at its last instant.
WITH sessions AS (
    SELECT
        account_key, product, environment,
        coalesce(min(CASE WHEN type = 1 THEN at_us END), min(at_us)) AS opened,
        coalesce(max(CASE WHEN type = 2 THEN at_us END), max(at_us)) AS closed
    FROM events
    WHERE session_key IS NOT NULL AND user_key IS NOT NULL AND account_key IS NOT NULL
    GROUP BY account_key, product, environment, session_key
), pieces AS (
    SELECT s.account_key, s.product, s.environment, h.place, h.hour,
        greatest(s.opened, h.since) - h.since AS opened,
        least(greatest(s.opened, s.closed), h.until) - h.since AS closed
    FROM sessions s
    JOIN hours h ON s.opened < h.until AND greatest(s.opened, s.closed) >= h.since
), changes AS (
    -- Of two changes at one instant the opening comes first: the odd number is the closing one.
    SELECT account_key, product, environment, place, hour, 2 * opened AS moment, 1 AS change FROM pieces
    UNION ALL
    SELECT account_key, product, environment, place, hour, 2 * closed + 1, -1 FROM pieces
), levels AS (
    SELECT account_key, product, environment, hour, sum(change) OVER (
        PARTITION BY account_key, product, environment, place ORDER BY moment ROWS UNBOUNDED PRECEDING
    ) AS level
    FROM changes
)
SELECT account_key, product, environment, hour, max(level)::BIGINT AS "count"
FROM levels
GROUP BY account_key, product, environment, hour
