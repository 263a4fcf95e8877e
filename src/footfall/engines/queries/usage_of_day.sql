-- What each user did on the day: one row per user, type, name, detail and question, with how often and when; and what
-- was answered last. Of two answers of one instant the larger text wins, because events have no other order.
SELECT
    user_key, type, name, detail, question,
    count(*) AS n,
    min(at_us) AS first_at,
    max(at_us) AS last_at,
    max(struct_pack(at := at_us, value := score)) FILTER (score IS NOT NULL) AS scored,
    max(struct_pack(at := at_us, value := answer)) FILTER (answer IS NOT NULL) AS answered
FROM done
GROUP BY user_key, type, name, detail, question
ORDER BY type, name, user_key
