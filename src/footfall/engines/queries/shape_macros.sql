-- Temporary macros that the dialects' SQL and shape_events.sql share. They build JSON as text from JSON fragments:
-- a value that came in as JSON is never parsed again to be written again. They cast to VARCHAR first, because a text
-- that meets a JSON value is itself taken for JSON: `json[1] = '{'` raises.

-- A JSON value, or NULL where the client wrote null.
CREATE TEMP MACRO json_text(value) AS nullif(value::VARCHAR, 'null');

-- A non-empty JSON object without the names whose value is null; NULL for anything else.
CREATE TEMP MACRO json_map(value) AS CASE
    WHEN value IS NULL OR NOT starts_with(value::VARCHAR, '{') OR value::VARCHAR = '{}' THEN NULL
    WHEN contains(value::VARCHAR, 'null') THEN nullif(json_merge_patch('{}', value)::VARCHAR, '{}')
    ELSE value::VARCHAR
END;

-- A non-empty JSON object as it was said, its nulls too: of people they take back what was known. NULL for anything else.
CREATE TEMP MACRO json_said(value) AS CASE
    WHEN starts_with(value::VARCHAR, '{') AND value::VARCHAR <> '{}' THEN value::VARCHAR
END;

-- A JSON object as this engine writes it; NULL for NULL, which `concat` would leave out.
CREATE TEMP MACRO json_rewritten(object) AS from_json('{"o":' || object || '}', '{"o": "JSON"}').o;

-- `"name":value`, or NULL. The name is ours and needs no escape.
CREATE TEMP MACRO json_field(name, value) AS concat('"', name, '":') || value;

-- The type of a survey as responses are reported with it, however it is spelled; another word as it is
-- (model/metadata.py, content_type).
CREATE TEMP MACRO survey_reported(word) AS CASE upper(word)
    WHEN 'NPS' THEN 'IN_APP_SURVEY_NPS' WHEN 'IN_APP_NPS_SURVEY' THEN 'IN_APP_SURVEY_NPS'
    WHEN 'IN_APP_SURVEY_NPS' THEN 'IN_APP_SURVEY_NPS'
    WHEN 'CES' THEN 'IN_APP_SURVEY_CES' WHEN 'IN_APP_CES_SURVEY' THEN 'IN_APP_SURVEY_CES'
    WHEN 'IN_APP_SURVEY_CES' THEN 'IN_APP_SURVEY_CES'
    WHEN 'RATING' THEN 'IN_APP_SURVEY_RATING' WHEN 'IN_APP_RATING_SURVEY' THEN 'IN_APP_SURVEY_RATING'
    WHEN 'IN_APP_SURVEY_RATING' THEN 'IN_APP_SURVEY_RATING'
    WHEN 'BOOLEAN' THEN 'IN_APP_SURVEY_BOOLEAN' WHEN 'IN_APP_BOOLEAN_SURVEY' THEN 'IN_APP_SURVEY_BOOLEAN'
    WHEN 'IN_APP_SURVEY_BOOLEAN' THEN 'IN_APP_SURVEY_BOOLEAN'
    WHEN 'MULTIPLE_QUESTION' THEN 'IN_APP_MULTIPLE_QUESTION_SURVEY'
    WHEN 'IN_APP_MULTIPLE_QUESTION_SURVEY' THEN 'IN_APP_MULTIPLE_QUESTION_SURVEY'
    ELSE word
END;

-- Braces around joined fields, or NULL when there are none.
CREATE TEMP MACRO json_object_of(fields) AS '{' || nullif(fields, '') || '}';

-- What two JSON objects say together; names of the second win. A patch would leave out its nulls, so there the one is
-- written behind the other: who reads a name twice takes the last.
CREATE TEMP MACRO json_said_both(first, second) AS CASE
    WHEN json_said(first) IS NULL THEN json_said(second)
    WHEN json_said(second) IS NULL THEN json_said(first)
    WHEN contains(second::VARCHAR, 'null')
        THEN left(first::VARCHAR, -1) || ',' || substr(second::VARCHAR, 2)
    ELSE json_merge_patch(first, second)::VARCHAR
END;

-- Microseconds since 1970 of an ISO 8601 text or of a count of seconds, milliseconds or microseconds; NULL if neither.
-- A cast to TIMESTAMP drops an offset and accepts zone names, so texts that do not end in Z or +00:00 are taken apart:
-- local part, sign, hours, minutes. No zone is ever looked up. A text without offset is UTC. T and Z may be small
-- letters (RFC 3339, 5.6), which a cast does not take.
CREATE TEMP MACRO instant_us(value) AS CASE
    -- strlen counts bytes and ends_with compares them; slices and length would take every text apart into characters.
    WHEN strlen(value) BETWEEN 16 AND 35 AND (ends_with(value, 'Z') OR ends_with(value, '+00:00'))
        THEN epoch_us(coalesce(TRY_CAST(value AS TIMESTAMP), TRY_CAST(upper(value) AS TIMESTAMP)))
    WHEN value[5] = '-' THEN local_us(upper(value)) - offset_us(upper(value))
    ELSE epoch_number_us(TRY_CAST(value AS DOUBLE))
END;

-- The date and time at the head of an ISO text, as if it were UTC.
CREATE TEMP MACRO local_us(value) AS epoch_us(TRY_CAST(replace(nullif(regexp_extract(
    value, '^(\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?)?)', 1), ''), ',', '.') AS TIMESTAMP));

-- The offset at its tail: 0 when there is none, NULL when it is none that we know.
CREATE TEMP MACRO offset_us(value) AS CASE
    WHEN regexp_full_match(value, '.{10}([T ][\d:.,]+)?Z?') THEN 0
    WHEN regexp_full_match(value, '.{10}[T ][\d:.,]+ ?[+-]\d\d(:?\d\d)?')
        THEN CASE WHEN regexp_extract(value, '([+-])\d\d(:?\d\d)?$', 1) = '-' THEN -60000000 ELSE 60000000 END
            * (60 * CAST(regexp_extract(value, '[+-](\d\d)(:?\d\d)?$', 1) AS BIGINT)
               + coalesce(TRY_CAST(nullif(regexp_extract(value, '[+-]\d\d:?(\d\d)$', 1), '') AS BIGINT), 0))
END;

-- A number of seconds, milliseconds or microseconds since 1970: from 1990 to 5138 the three ranges do not overlap.
CREATE TEMP MACRO epoch_number_us(value) AS CAST(round(CASE
    WHEN NOT isfinite(value) OR abs(value) >= 1e17 THEN NULL
    WHEN abs(value) < 1e11 THEN value * 1e6
    WHEN abs(value) < 1e14 THEN value * 1e3
    ELSE value
END) AS BIGINT);

-- Within +-2e18, so that sums of three such values cannot overflow. NULL for NULL: greatest() and least() would give the
-- bound instead. For columns only: a macro writes its argument out once per use.
CREATE TEMP MACRO clamped(value) AS CASE
    WHEN value > 2000000000000000000 THEN 2000000000000000000
    WHEN value < -2000000000000000000 THEN -2000000000000000000
    ELSE value
END;
