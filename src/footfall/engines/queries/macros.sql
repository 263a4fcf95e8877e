-- How values of events and attributes become the values of columns.
CREATE MACRO texts_of(j) AS CASE json_type(j)
    WHEN 'ARRAY' THEN list_transform(from_json(j, '["JSON"]'), lambda x: json_extract_string(x, '$'))
    WHEN 'NULL' THEN NULL
    ELSE CASE WHEN j IS NOT NULL THEN [json_extract_string(j, '$')] END
END;

-- Items joined by commas; one that holds a comma, a quote or a line break is quoted as a field of CSV would be.
CREATE MACRO listed(j) AS array_to_string(list_transform(texts_of(j), lambda t:
    CASE WHEN regexp_matches(t, '[",\r\n]') THEN concat('"', replace(t, '"', '""'), '"') ELSE t END), ',');

CREATE MACRO number_text(t) AS
    CASE WHEN regexp_full_match(t, '-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?') THEN t END;

CREATE MACRO whole_number(t) AS coalesce(try_cast(t AS BIGINT), try_cast(try_cast(number_text(t) AS DOUBLE) AS BIGINT));

CREATE MACRO instant_text(us) AS strftime(make_timestamp(us), '%Y-%m-%dT%H:%M:%S.%gZ');

-- Text without the tags of HTML. "1 < 2" is no tag.
CREATE MACRO plain_text(t) AS regexp_replace(t, '</?[A-Za-z][^>]*>', '', 'g');
