-- The most sessions open at once per local hour, account, product and environment: (account_key, product, environment,
-- hour, count). Needs hours(place, hour, since, until) and hour_at(us). A session counts as open at its first and at
-- its last instant.
WITH sessions AS MATERIALIZED (
    SELECT
        account_key, product, environment,
        coalesce(min(CASE WHEN type = 1 THEN at_us END), min(at_us)) AS opened,
        coalesce(max(CASE WHEN type = 2 THEN at_us END), max(at_us)) AS closed
    FROM events
    WHERE session_key IS NOT NULL AND user_key IS NOT NULL AND account_key IS NOT NULL
    GROUP BY account_key, product, environment, session_key
), corners AS MATERIALIZED (
    SELECT account_key, product, environment, row_number() OVER () AS corner
    FROM (SELECT DISTINCT account_key, product, environment FROM sessions)
), spans AS (
    SELECT c.corner, s.opened, greatest(s.opened, s.closed) AS closed,
        unnest(range(hour_at(s.opened), hour_at(greatest(s.opened, s.closed)) + 1)) AS place
    FROM sessions s
    JOIN corners c
        ON c.account_key = s.account_key
        AND c.product IS NOT DISTINCT FROM s.product
        AND c.environment IS NOT DISTINCT FROM s.environment
), pieces AS MATERIALIZED (
    SELECT p.corner * 64 + p.place AS cell, greatest(p.opened, h.since) - h.since AS opened,
        least(p.closed, h.until) - h.since AS closed
    FROM spans p
    JOIN hours h ON h.place = p.place
), changes AS (
    -- Of two changes at one instant the opening comes first: the odd number is the closing one.
    SELECT cell, 2 * opened AS moment, 1 AS change FROM pieces
    UNION ALL
    SELECT cell, 2 * closed + 1, -1 FROM pieces
), levels AS (
    SELECT cell, sum(change) OVER (PARTITION BY cell ORDER BY moment ROWS UNBOUNDED PRECEDING) AS level
    FROM changes
), peaks AS (
    SELECT cell, max(level) AS peak FROM levels GROUP BY cell
)
SELECT c.account_key, c.product, c.environment, h.hour, max(p.peak)::BIGINT AS "count"
FROM peaks p
JOIN corners c ON c.corner = p.cell // 64
JOIN hours h ON h.place = p.cell % 64
GROUP BY c.account_key, c.product, c.environment, h.hour
