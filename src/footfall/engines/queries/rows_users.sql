-- Every user as of the day's end, of one slice: see ranges.py. Needs totals of activity: user_totals(user_key, visits,
-- web_visits, seen_at).
SELECT
    u.user_key, u.identify_id, a.account_id, u.attributes,
    u.uid AS "aptrinsicId",
    coalesce(t.web_visits, 0) AS "webAppVisits",
    instant_text(epoch_us(coalesce(u.sign_up_at, u.created_at))) AS "signUpDate",
    instant_text(epoch_us(u.created_at)) AS "createDate",
    coalesce(json_extract_string(u.attributes, '/type'), 'USER') AS type,
    instant_text(epoch_us(u.modified_at)) AS "lastModifiedDate",
    coalesce(t.visits, 0) AS "numberOfVisits",
    u.deleted AS "isDeleted",
    instant_text(t.seen_at) AS "lastSeenDate"
FROM users u
LEFT JOIN $totals t ON t.user_key = u.user_key
LEFT JOIN accounts a ON a.account_key = u.account_key
WHERE $slice
