-- queries/hours_what.sql
-- Every hour of the day with every product and environment of it, as `rows_hours` numbers them.
SELECT g.id * 64 + h.rank AS id, h.text AS "value.hour", p.text AS product, e.text AS environment
FROM hour_dimension h
CROSS JOIN grounds g
LEFT JOIN term_dimension p ON p.key = g.product
LEFT JOIN term_dimension e ON e.key = g.environment
