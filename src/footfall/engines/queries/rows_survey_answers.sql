-- One row per answer; a multiple choice gives one row per choice, in the order given.
WITH answers AS (
    SELECT *, try_cast(json_extract_string(properties, '/contact_me_allowed') AS BOOLEAN) AS "contactMeAllowed",
        coalesce(json_extract_string(properties, '/path'), json_extract_string(properties, '/page/path')) AS path,
        json_extract_string(properties, '/question_text') AS question_text,
        json_extract_string(properties, '/question_id') AS question_id,
        json_extract_string(properties, '/score') AS points,
        texts_of(json_extract(properties, '/answers')) AS choices
    FROM details
    WHERE type = 17 AND user_key IS NOT NULL AND $slice
), placed AS (
    SELECT *, unnest(range(1, greatest(len(choices), 1) + 1)) AS choice
    FROM answers
)
SELECT
    a.at_us, a.user_key, a.account_key, a.product, a.environment, a.name, a.detail, a.locale,
    a.trigger_type, a.choice,
    a.at_us // 1000 AS epoch_ms,
    plain_text(coalesce(a.question_text, q.text)) AS question,
    CASE WHEN t.text = 'SCORE' THEN a.points END AS score,
    a.choices[a.choice] AS answer,
    a."contactMeAllowed",
    a.path,
    json(a.global_context) AS "globalContext"
FROM placed a
LEFT JOIN term_dimension t ON t.key = a.detail
LEFT JOIN term_dimension e ON e.key = a.name
LEFT JOIN question_texts q ON q.engagement_id = e.text AND q.question_id = a.question_id
