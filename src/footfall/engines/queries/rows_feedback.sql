-- One row per feedback.
SELECT
    at_us, user_key, account_key, product, environment,
    instant_text(at_us) AS instant,
    json_extract_string(properties, '/subject') AS subject,
    json_extract_string(properties, '/category') AS category,
    json_extract_string(properties, '/description') AS description,
    listed(json_extract(properties, '/labels')) AS labels
FROM details
WHERE type = 18 AND user_key IS NOT NULL AND $slice
