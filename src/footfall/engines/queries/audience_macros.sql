-- Lists and maps of users, which are kept as JSON text.
CREATE MACRO is_list(t) AS starts_with(ltrim(t), '[') AND json_valid(t);

-- One whose keys repeat has no value for each key, so it stays the text it is.
CREATE MACRO is_map(t) AS
    CASE WHEN t IS NULL THEN NULL WHEN starts_with(ltrim(t), '{') AND json_valid(t) THEN len(json_keys(t)) = len(list_distinct(json_keys(t)))
    ELSE false END;

-- JSON on one line: outside of its strings, which hold none, a line end is white space.
CREATE MACRO one_line(t) AS replace(replace(t, chr(10), ' '), chr(13), ' ');

CREATE MACRO item_text(j) AS coalesce(json_extract_string(j, '$'), 'null');

-- (t: JSON of a list) its items as texts; what is no text as its JSON.
CREATE MACRO items_of(t) AS CASE WHEN t IS NOT NULL THEN
    list_transform(from_json(t, '["JSON"]'), lambda j: item_text(j)) END;

-- (t: JSON of a map) its entries as (key, value), both texts.
CREATE MACRO entries_of(t) AS CASE WHEN t IS NOT NULL THEN
    list_transform(map_entries(from_json(t, '"MAP(VARCHAR, JSON)"')),
        lambda e: struct_pack(key := e.key, value := item_text(e.value))) END;

CREATE MACRO join_key_of(anonymous, email, identify) AS substr(sha256(CAST(to_json(list_concat(
    coalesce(list_transform(anonymous, lambda a: ['anonymous_id', a]), []),
    CASE WHEN email IS NULL THEN [] ELSE [['email', email]] END,
    [['identify_id', identify]])) AS VARCHAR)), 1, 32);
