-- What each user did on the day that answers a condition: one row per user, as in usage_of_day.sql.
SELECT
    DATE '{day}' AS day,
    user_key,
    count(*) AS n,
    min(at_us) AS first_at,
    max(at_us) AS last_at,
    max(struct_pack(at := at_us, value := score)) FILTER (score IS NOT NULL) AS scored,
    max(struct_pack(at := at_us, value := answer)) FILTER (answer IS NOT NULL) AS answered
FROM found
WHERE {condition}
GROUP BY user_key
ORDER BY user_key
