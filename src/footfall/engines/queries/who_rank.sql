-- queries/who_rank.sql
-- Pairs of user and account in the order of their texts: (key, rank from 0 on, "user", account), the parts as ranks.
SELECT
    p.key, (row_number() OVER (ORDER BY u.rank::BIGINT * 4294967296 + coalesce(a.rank, 0)) - 1)::UINTEGER AS rank,
    u.rank AS "user", a.rank AS account
FROM pairs p
JOIN user_dimension u ON u.key = p.user_key
LEFT JOIN account_dimension a ON a.key = p.account_key
