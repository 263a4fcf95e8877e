-- Every engagement and survey as defined, and how often it was ever viewed.
SELECT e.*, coalesce(v.views, 0) AS "lifetimeViews"
FROM engagement_rows e
LEFT JOIN engagement_views v ON v.id = e.id
