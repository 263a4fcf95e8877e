-- ingest_seq of every event whose (source, event_id) a lower ingest_seq has too. The first pass finds suspects by hash,
-- so that memory holds 8 bytes an event, not its id.
WITH suspects AS (
    SELECT hash(source, event_id) AS suspect
    FROM lake
    GROUP BY suspect
    HAVING count(*) > 1
)
SELECT ingest_seq
FROM lake
WHERE hash(source, event_id) IN (SELECT suspect FROM suspects)
QUALIFY row_number() OVER (PARTITION BY source, event_id ORDER BY ingest_seq) > 1
ORDER BY ingest_seq
