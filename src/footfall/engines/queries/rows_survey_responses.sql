-- One row per response to a single-step survey.
SELECT
    at_us, user_key, account_key, product, environment, name, detail, locale, trigger_type,
    instant_text(at_us) AS instant,
    whole_number(json_extract_string(properties, '/score')) AS score,
    json_extract_string(properties, '/comment') AS comment,
    try_cast(json_extract_string(properties, '/contact_me_allowed') AS BOOLEAN) AS "contactMeAllowed",
    listed(json_extract(properties, '/labels')) AS labels,
    coalesce(json_extract_string(properties, '/path'), json_extract_string(properties, '/page/path')) AS path
FROM details
WHERE type = 16 AND user_key IS NOT NULL AND $slice
