-- Showings (executions) of engagements, grouped by how far the user got. A showing belongs where its last event does;
-- it is judged by this day's events only. A view without an execution is a showing of its own. Users $first to $last by
-- rank: see ranges.py.
WITH views AS (
    SELECT
        v.user_key, v.name, v.execution, v.step_number, v.at_us, t.text = 'COMPLETED' AS completed,
        struct_pack(
            account_key := v.account_key, product := v.product, environment := v.environment, locale := v.locale,
            trigger_type := v.trigger_type
        ) AS place,
        -- Of two events at one instant the one with the larger texts is the last: keys depend on the order of arrival.
        row(v.at_us, v.step_number, a.rank, p.rank, e.rank, l.rank, g.rank) AS moment
    FROM details v
    JOIN user_dimension u ON u.key = v.user_key AND u.rank BETWEEN $first AND $last
    LEFT JOIN term_dimension t ON t.key = v.detail
    LEFT JOIN account_dimension a ON a.key = v.account_key
    LEFT JOIN term_dimension p ON p.key = v.product
    LEFT JOIN term_dimension e ON e.key = v.environment
    LEFT JOIN term_dimension l ON l.key = v.locale
    LEFT JOIN term_dimension g ON g.key = v.trigger_type
    WHERE v.type = 14
), executions AS (
    SELECT
        user_key,
        name,
        execution,
        arg_max(place, moment) AS place,
        CASE WHEN bool_or(completed) THEN 'COMPLETED' ELSE 'VIEWED' END AS state,
        max(step_number) AS farthest,
        max(at_us) AS at_us,
        -- Instant and step in one number: sorting a list of numbers costs half of an ordered aggregate.
        list_sort(list(at_us::HUGEINT * 4294967296 + step_number) FILTER (step_number IS NOT NULL)) AS moments
    FROM views
    GROUP BY user_key, name, execution
), walks AS (
    SELECT * EXCLUDE (moments), list_transform(moments, lambda moment: moment % 4294967296) AS steps
    FROM executions
), paths AS (
    SELECT *, array_to_string(list_filter(steps, lambda step, i: i = 1 OR step != steps[i - 1]), ',') AS path
    FROM walks
)
SELECT
    user_key, name, place.account_key, place.product, place.environment, place.locale, place.trigger_type,
    state AS "viewState",
    count(*) AS "count",
    max(farthest) AS "farthestStepNumber",
    -- The path of the last execution; of two that ended at one instant the larger path.
    arg_max(struct_pack(path := path), row(at_us, coalesce(path, ''))).path AS "engagementPath"
FROM paths
GROUP BY ALL
