-- Every account as of the day's end, of one slice: see ranges.py. Needs activity(day, user_key, account_key, …) and user_totals.
WITH members AS (
    SELECT u.account_key, count(*) FILTER (NOT u.deleted) AS users, max(t.seen_at) AS seen_at
    FROM users u
    LEFT JOIN user_totals t ON t.user_key = u.user_key
    WHERE u.account_key IS NOT NULL
    GROUP BY u.account_key
), active AS (
    SELECT account_key, count(DISTINCT user_key) AS monthly, count(DISTINCT user_key) FILTER (age = 0) AS daily
    FROM activity
    WHERE account_key IS NOT NULL AND age < 30
    GROUP BY account_key
)
SELECT
    a.account_key, a.account_id, a.attributes,
    instant_text(epoch_us(a.modified_at)) AS "lastModifiedDate",
    instant_text(epoch_us(a.created_at)) AS "createDate",
    a.deleted AS "isDeleted",
    instant_text(m.seen_at) AS "lastSeenDate",
    coalesce(m.users, 0) AS "totalUsers",
    coalesce(c.daily, 0) AS "dailyActiveUsers",
    coalesce(c.monthly, 0) AS "monthlyActiveUsers"
FROM accounts a
LEFT JOIN members m ON m.account_key = a.account_key
LEFT JOIN active c ON c.account_key = a.account_key
WHERE $slice
