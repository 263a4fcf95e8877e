-- To which account users belong, as known before the day's end: (owner, target, at_us, text), merges applied.
SELECT coalesce(m.into_key, b.user_key) AS owner, b.account_key AS target, epoch_us(b.at) AS at_us, t.text
FROM members b
LEFT JOIN merges m ON m.user_key = b.user_key
LEFT JOIN account_texts t ON t.key = b.account_key
WHERE epoch_us(b.at) < $end
