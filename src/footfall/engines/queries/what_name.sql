-- queries/what_name.sql
-- Everything that was done anywhere, by its number in the cube, with every text that a report may print of it. The
-- columns are called as the fields of reports call their sources.
WITH parts AS (
    SELECT key, type_of(key)::SMALLINT AS event, product_of(key)::INTEGER AS product,
        environment_of(key)::INTEGER AS environment, name_of(key)::INTEGER AS name, detail_of(key)::INTEGER AS detail
    FROM what_keys
    WHERE type_of(key) != 0
)
SELECT
    w.key, (row_number() OVER (ORDER BY w.key) - 1)::UINTEGER AS id, w.event::UTINYINT AS event, t.text AS "type",
    p.text AS product, e.text AS environment, n.text AS name, d.text AS detail,
    g.name AS "engagement.name", f.name AS "feature.name", f.path AS "feature.path",
    a.title AS "article.title", a.url AS "article.url"
FROM parts w
JOIN type_dimension t ON t.key = w.event
LEFT JOIN term_dimension p ON p.key = w.product
LEFT JOIN term_dimension e ON e.key = w.environment
LEFT JOIN term_dimension n ON n.key = w.name
LEFT JOIN term_dimension d ON d.key = w.detail
LEFT JOIN engagement_dimension g ON g.key = w.name
LEFT JOIN feature_dimension f ON f.key = w.name
LEFT JOIN article_dimension a ON w.event = 20 AND a.name = w.name AND a.detail IS NOT DISTINCT FROM w.detail
