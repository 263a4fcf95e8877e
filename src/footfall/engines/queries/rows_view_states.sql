-- Showings (executions) of engagements, grouped by how far the user got. A showing belongs where its last event does;
-- it is judged by this day's events only.
WITH views AS (
    SELECT
        v.user_key, v.name, v.account_key, v.product, v.environment, v.locale, v.trigger_type, v.step_number, v.at_us,
        v.event_id, t.text = 'COMPLETED' AS completed,
        -- A view without an execution is a showing of its own.
        coalesce('e' || v.execution_id, 'v' || v.event_id) AS execution
    FROM events v
    LEFT JOIN term_dimension t ON t.key = v.detail
    WHERE v.type = 14 AND v.user_key IS NOT NULL
), executions AS (
    SELECT
        user_key,
        name,
        execution,
        arg_max(
            struct_pack(
                account_key := account_key, product := product, environment := environment, locale := locale,
                trigger_type := trigger_type
            ),
            (at_us, event_id)
        ) AS place,
        CASE WHEN bool_or(completed) THEN 'COMPLETED' ELSE 'VIEWED' END AS state,
        max(step_number) AS farthest,
        max(at_us) AS at_us,
        list(step_number ORDER BY at_us, step_number, event_id) FILTER (step_number IS NOT NULL) AS steps
    FROM views
    GROUP BY user_key, name, execution
), paths AS (
    SELECT *, array_to_string(list_filter(steps, lambda step, i: i = 1 OR step != steps[i - 1]), ',') AS path
    FROM executions
)
SELECT
    user_key, name, place.account_key, place.product, place.environment, place.locale, place.trigger_type,
    state AS "viewState",
    count(*) AS "count",
    max(farthest) AS "farthestStepNumber",
    arg_max(struct_pack(path := path), (at_us, execution)).path AS "engagementPath"
FROM paths
GROUP BY ALL
