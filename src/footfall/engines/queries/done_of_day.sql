-- What users did on the day, an event a row, with what was answered: (user_key, type, name, detail, question, at_us, score,
-- answer) and what else a rule may ask of an event.
SELECT
    user_key, type, name, detail, at_us, product, environment, channel, properties,
    CASE WHEN type = 17 THEN json_extract_string(properties, '/question_id') END AS question,
    CASE WHEN type IN (16, 17) THEN try_cast(number_text(json_extract_string(properties, '/score')) AS DOUBLE) END
        AS score,
    CASE
        WHEN type = 16 THEN json_extract_string(properties, '/comment')
        WHEN type = 17 THEN json_extract_string(properties, '/answers')
    END AS answer
FROM events
WHERE user_key IS NOT NULL AND type NOT IN (8, 22, 23, 24)
