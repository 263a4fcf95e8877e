-- The events of one dialect with their instant, their digest and, for those that cannot be stored, why (`problem`).
-- Input: dialect, the rows of the dialect's own statement. $oldest_us, $ahead_us: bounds of what is believed.
SELECT
    type, occurred_us, event_id,
    digest_high(source, event_id) AS digest_high, digest_low(source, event_id) AS digest_low,
    identify_id, anonymous_id, previous_id, account_id,
    product, environment, channel, name, detail,
    -- (md5_number_upper would do the same by way of a text of 128 zeros and ones, ten times slower.)
    (md5_number(session_id) >> 64)::UBIGINT AS session_key, session_id, execution_id, step_number, locale, trigger_type,
    properties, global_context, user_attributes, account_attributes,
    problem,
    CASE WHEN problem = 'unknown_type' THEN type_text WHEN problem IS NOT NULL THEN occurred_text END AS suspect
FROM (
    SELECT *, CASE
        WHEN type IS NULL THEN 'unknown_type'
        WHEN occurred_us IS NULL THEN 'bad_timestamp'
        WHEN occurred_us < $oldest_us OR occurred_us > received_us + $ahead_us THEN 'time_out_of_range'
    END AS problem
    FROM (
        SELECT * EXCLUDE (event_id, identify_id, anonymous_id, previous_id, account_id, name, detail, session_id,
                          execution_id, locale, trigger_type),
            -- A client's id that looks like one of ours gets a sign more, so that the two can never be equal.
            CASE WHEN event_id <> '' AND NOT starts_with(event_id, '@') THEN event_id
                 WHEN coalesce(event_id, '') = '' THEN concat('@log:', position, '-', index)
                 WHEN regexp_matches(event_id, '^@+(log|derived):') THEN concat('@', event_id)
                 ELSE event_id END AS event_id,
            nullif(identify_id, '') AS identify_id, nullif(anonymous_id, '') AS anonymous_id,
            nullif(previous_id, '') AS previous_id, nullif(account_id, '') AS account_id,
            nullif(name, '') AS name, nullif(detail, '') AS detail, nullif(session_id, '') AS session_id,
            nullif(execution_id, '') AS execution_id, nullif(locale, '') AS locale,
            nullif(trigger_type, '') AS trigger_type,
            -- The client's clock is corrected by what it showed when it sent; without that it is believed as it is.
            CASE WHEN occurred_text IS NULL THEN received_us
                 ELSE clamped(told_us) + coalesce(received_us - clamped(sent_us), 0) END AS occurred_us
        FROM (
            SELECT *, instant_us(occurred_text) AS told_us,
                -- The event's own, else that of its batch.
                coalesce(instant_us(sent_text), batch_sent_us) AS sent_us
            FROM (
                SELECT * EXCLUDE (occurred_text), nullif(occurred_text, '') AS occurred_text
                FROM dialect
            )
        )
    )
)
