-- Every feature and module as defined.
SELECT * FROM feature_rows
