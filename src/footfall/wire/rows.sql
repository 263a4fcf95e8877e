-- One row per event of the dialect `rows`, in the columns that the shaper's second half expects.
-- Input: imported, the events of bodies that row_body.py wrote, with where they came from.
-- What a row says of people goes the way it would in native.sql, and means the same.
SELECT
    position, index, received_us, source,
    type,
    NULL::VARCHAR AS type_text,
    concat(prefix, "row") AS event_id,
    occurred_at AS occurred_text,
    NULL::VARCHAR AS sent_text, NULL::BIGINT AS batch_sent_us,
    identify_id,
    anonymous_id,
    NULL::VARCHAR AS previous_id,
    account_id,
    NULL::VARCHAR AS product,
    NULL::VARCHAR AS environment,
    NULL::VARCHAR AS channel,
    CASE WHEN name_field(type) = 'event_name' THEN event_name END AS name,
    NULL::VARCHAR AS detail,
    NULL::VARCHAR AS session_id,
    NULL::VARCHAR AS execution_id,
    NULL::INTEGER AS step_number,
    NULL::VARCHAR AS locale,
    NULL::VARCHAR AS trigger_type,
    -- The engine writes nulls, control characters and large or small numbers in another way than who wrote the row.
    json_object_of(json_field('attributes', CASE
        WHEN plain OR NOT (attributes = '{}' OR contains(attributes, 'null') OR contains(attributes, '\u')
                           OR regexp_matches(attributes, '[:,[]-?[0-9.]+e[-0-9]')) THEN attributes
        ELSE json_map(json_rewritten(attributes)) END)) AS properties,
    NULL::VARCHAR AS global_context,
    CASE WHEN "user" IS NOT NULL THEN json_said(json_rewritten("user")) END AS user_attributes,
    CASE WHEN account IS NOT NULL THEN json_said(json_merge_patch(json_rewritten(account), '{"id": null}')) END
        AS account_attributes
FROM imported
