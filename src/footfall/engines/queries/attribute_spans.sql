-- From when until when a changing owner has which target: (owner, target, since, until), without gaps or overlaps.
-- The first span has no beginning: what is found out during the day holds for the day's events before it.
-- Of two facts of one instant the larger text wins, because keys depend on the order of arrival.
WITH facts AS (
    SELECT owner, target, greatest(at_us, $start) AS at_us, at_us AS exact, text
    FROM {facts}
    WHERE owner IN ({movers})
), latest AS (
    -- Everything up to the day's start counts as one fact at that start.
    SELECT owner, at_us, arg_max(target, (exact, text)) AS target
    FROM facts
    GROUP BY owner, at_us
)
SELECT
    owner,
    target,
    CASE WHEN row_number() OVER chain = 1 THEN -4611686018427387904 ELSE at_us END AS since,
    coalesce(lead(at_us) OVER chain, 4611686018427387904) AS until
FROM latest
WINDOW chain AS (PARTITION BY owner ORDER BY at_us)
