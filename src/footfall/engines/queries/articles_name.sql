-- Title and address of every article that was viewed: (name, detail, title, url). As defined; else as its last view said.
WITH viewed AS (
    SELECT
        name,
        detail,
        arg_max(json_extract_string(properties, '/title'), (epoch_us(occurred_at), event_id)) AS title,
        arg_max(json_extract_string(properties, '/url'), (epoch_us(occurred_at), event_id)) AS url
    FROM lake
    WHERE type = 20 AND name IS NOT NULL
    GROUP BY name, detail
)
SELECT v.name, v.detail, coalesce(n.title, v.title) AS title, coalesce(nullif(n.url, ''), v.url) AS url
FROM viewed v
LEFT JOIN term_dimension i ON i.key = v.name
LEFT JOIN term_dimension p ON p.key = v.detail
LEFT JOIN article_names n ON n.id = i.text AND n.provider IS NOT DISTINCT FROM p.text
