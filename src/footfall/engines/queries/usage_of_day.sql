-- What each user did on the day: one row per user, type, name, detail and question, with how often and when; and what
-- was answered last. Of two answers of one instant the larger text wins, because events have no other order.
WITH done AS (
    SELECT
        user_key, type, name, detail, at_us,
        CASE WHEN type = 17 THEN json_extract_string(properties, '/question_id') END AS question,
        CASE WHEN type IN (16, 17) THEN try_cast(number_text(json_extract_string(properties, '/score')) AS DOUBLE) END
            AS score,
        CASE
            WHEN type = 16 THEN json_extract_string(properties, '/comment')
            WHEN type = 17 THEN json_extract_string(properties, '/answers')
        END AS answer
    FROM events
    WHERE user_key IS NOT NULL AND type NOT IN (8, 22, 23, 24)
)
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
