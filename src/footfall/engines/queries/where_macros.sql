-- What events say of themselves, as the values that the WHERE of a rule compares; see model/audience_where.py.
CREATE MACRO said_number(t) AS try_cast(number_text(t) AS DOUBLE);

CREATE MACRO said_boolean(t) AS CASE lower(t)
    WHEN 'true' THEN true WHEN '1' THEN true WHEN 'false' THEN false WHEN '0' THEN false END;

-- Of a date and time what lies between UTC and it; no zone is ever looked up.
CREATE MACRO said_offset_us(t) AS CASE
    WHEN regexp_matches(t, '[+-]\d\d(:?\d\d)?$') AND length(t) > 10 THEN
        CASE WHEN regexp_extract(t, '([+-])\d\d:?\d*$', 1) = '-' THEN -60000000 ELSE 60000000 END
        * (60 * CAST(regexp_extract(t, '[+-](\d\d)(:?\d\d)?$', 1) AS BIGINT)
            + coalesce(try_cast(regexp_extract(t, '[+-]\d\d:?(\d\d)$', 1) AS BIGINT), 0))
    ELSE 0 END;

-- Microseconds since 1970 of a date, with or without a time, or of a number of milliseconds (below 100,000,000,000:
-- seconds); NULL for anything else.
CREATE MACRO said_us(t) AS CASE
    WHEN regexp_full_match(t, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)?)?')
        THEN epoch_us(try_cast(replace(regexp_extract(t, '^(.{10}([T ][\d:.,]+)?)', 1), ',', '.') AS TIMESTAMP))
            - said_offset_us(t)
    ELSE try_cast(said_number(t) * CASE WHEN abs(said_number(t)) < 100000000000 THEN 1000000 ELSE 1000 END AS BIGINT)
END;

-- Clients send a page whole or in parts.
CREATE MACRO page_url_of(url, scheme, host, path, query, hash) AS coalesce(url, CASE WHEN host <> '' THEN concat(
    coalesce(nullif(scheme, ''), 'https'), '://', host, path,
    '?' || nullif(ltrim(query, '?'), ''), '#' || nullif(ltrim(hash, '#'), '')) END);

CREATE MACRO page_path_of(path, url) AS
    coalesce(path, nullif(regexp_extract(url, '^(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?(/[^?#]*)', 1), ''));

CREATE MACRO page_host_of(host, url) AS
    coalesce(host, nullif(regexp_extract(url, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#]*)', 1), ''));
