-- One row per click in an engagement.
SELECT
    at_us, user_key, account_key, product, environment, name,
    instant_text(at_us) AS instant,
    json_extract_string(properties, '/link_url') AS "linkUrl",
    step_number AS "sequenceNumber"
FROM details
WHERE type = 15 AND user_key IS NOT NULL AND $slice
