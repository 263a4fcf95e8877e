-- What is known before the day's end about the visitors that occur in it: (owner, target, at_us, text), merges applied.
SELECT l.anonymous_key AS owner, coalesce(m.into_key, l.user_key) AS target, epoch_us(l.at) AS at_us, t.text
FROM links l
LEFT JOIN merges m ON m.user_key = l.user_key
LEFT JOIN user_texts t ON t.key = coalesce(m.into_key, l.user_key)
WHERE epoch_us(l.at) < $end
  AND l.anonymous_key IN (SELECT anonymous_key FROM lake WHERE user_key IS NULL AND anonymous_key IS NOT NULL)
