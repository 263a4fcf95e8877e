-- The most sessions open at once, n, per account (who, its rank from 0 on) and local hour, product and environment (what,
-- see `hours_what`). A session counts as open at its first and at its last instant. Needs hours(place, since, until,
-- hour), hour_at(us), grounds, and cell_of(account, product, environment) with its inverses: one number instead of
-- three, so that grouping and the window have one key.
WITH sessions AS (
    SELECT
        cell_of(account_key, product, environment) AS cell,
        -- The start, or if it has none the first event: others come after any start. The end likewise.
        min(at_us + CASE WHEN type = 1 THEN 0 ELSE 1152921504606846976 END) % 1152921504606846976 AS opened,
        max(at_us + CASE WHEN type = 2 THEN 1152921504606846976 ELSE 0 END) % 1152921504606846976 AS closed
    FROM events
    WHERE session_key IS NOT NULL AND user_key IS NOT NULL AND account_key IS NOT NULL
    GROUP BY cell, session_key
), spans AS (
    SELECT cell, opened, greatest(opened, closed) AS closed, hour_at(opened) AS first_hour,
        hour_at(greatest(opened, closed)) AS last_hour
    FROM sessions
), hourly AS (
    SELECT cell, opened, closed, first_hour AS place FROM spans
    UNION ALL
    SELECT cell, opened, closed, unnest(range(first_hour + 1, last_hour + 1)) FROM spans WHERE last_hour > first_hour
), changes AS (
    -- Of two changes at one instant the opening comes first: the odd number is the closing one.
    SELECT p.cell * 64 + p.place AS piece,
        unnest([2 * greatest(p.opened, h.since), 2 * least(p.closed, h.until) + 1]) AS moment
    FROM hourly p
    JOIN hours h ON h.place = p.place
), levels AS (
    SELECT piece, sum(1 - 2 * (moment & 1)) OVER (PARTITION BY piece ORDER BY moment ROWS UNBOUNDED PRECEDING) AS level
    FROM changes
), peaks AS (
    SELECT piece, max(level) AS peak FROM levels GROUP BY piece
)
SELECT a.rank - 1 AS who, g.id * 64 + h.hour AS what, max(k.peak)::BIGINT AS n
FROM peaks k
JOIN hours h ON h.place = k.piece % 64
JOIN account_dimension a ON a.key = account_of_cell(k.piece // 64)
JOIN grounds g ON g.key = ground_of_cell(k.piece // 64)
GROUP BY ALL
