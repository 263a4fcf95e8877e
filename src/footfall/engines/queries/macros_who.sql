-- queries/macros_who.sql
-- A user and an account in one number; 0 is nobody, whatever the account.
CREATE MACRO who_of(user_key, account_key) AS
    CASE WHEN user_key IS NULL THEN 0::BIGINT ELSE (user_key::BIGINT << 32) | coalesce(account_key, 0) END;
CREATE MACRO user_of(who) AS nullif(who >> 32, 0);
CREATE MACRO account_of(who) AS nullif(who & 4294967295, 0);
