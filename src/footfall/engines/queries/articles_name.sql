-- Title and address of every article that was viewed: (name, detail, title, url). As defined; else as its last view said.
WITH views AS (
    SELECT name, detail, at_us,
        json_extract_string(properties, '/title') AS title,
        json_extract_string(properties, '/url') AS url
    FROM details
    WHERE type = 20 AND name IS NOT NULL
), viewed AS (
    -- Of two views at one instant the larger text is taken.
    SELECT name, detail, arg_max(title, (at_us, title)) AS title, arg_max(url, (at_us, url)) AS url
    FROM views
    GROUP BY name, detail
)
SELECT v.name, v.detail, coalesce(n.title, v.title) AS title, coalesce(nullif(n.url, ''), v.url) AS url
FROM viewed v
LEFT JOIN term_dimension i ON i.key = v.name
LEFT JOIN term_dimension p ON p.key = v.detail
LEFT JOIN article_names n ON n.id = i.text AND n.provider IS NOT DISTINCT FROM p.text
