-- One row per event of the Segment dialect, in the columns that the shaper's second half expects.
-- Input: events(position, index, received_us, source, call, batch_sent_us, text), text being one event as the client
-- wrote it. `product`, `environment` and `channel` are the event's own; the shaper knows those of the source.
-- A field of a shape nobody promised becomes NULL; only a text that is no JSON at all raises.
SELECT
    position, index, received_us, source,
    -- The calls of the dialect. A single call (`/v1/track`) may leave `type` out: the path says it.
    CASE type_text
        WHEN 'track' THEN event_type('custom')
        WHEN 'page' THEN event_type('page_view')
        WHEN 'screen' THEN event_type('screen_view')
        WHEN 'identify' THEN event_type('identify')
        WHEN 'group' THEN event_type('group')
        WHEN 'alias' THEN event_type('alias')
    END AS type,
    type_text,
    e.messageId AS event_id,
    coalesce(e.timestamp, e.originalTimestamp) AS occurred_text,
    e.sentAt AS sent_text, batch_sent_us,
    e.userId AS identify_id,
    e.anonymousId AS anonymous_id,
    CASE WHEN type_text = 'alias' THEN e.previousId END AS previous_id,
    coalesce(CASE WHEN type_text = 'group' THEN nullif(e.groupId, '') END, e.context.groupId) AS account_id,
    coalesce(nullif(e.context.product_key, ''), nullif(e.context.productKey, '')) AS product,
    nullif(e.context.environment, '') AS environment,
    nullif(e.context.channel, '') AS channel,
    CASE WHEN type_text = 'track' THEN e.event END AS name,
    NULL::VARCHAR AS detail,
    e.context.sessionId AS session_id,
    NULL::VARCHAR AS execution_id,
    NULL::INTEGER AS step_number,
    e.context.locale AS locale,
    NULL::VARCHAR AS trigger_type,
    -- Most events that servers send have properties only: 0.15 of 2.2 us CPU are spared by not asking for the rest.
    CASE WHEN NOT shown AND e.context.page IS NULL AND e.context.userAgent IS NULL
        THEN '{' || json_field('attributes', json_map(e.properties)) || '}'
    ELSE json_object_of(concat_ws(',',
        json_field('attributes', json_map(e.properties)),
        json_field('page', CASE WHEN shown OR e.context.page IS NOT NULL THEN json_object_of(concat_ws(',',
            json_field('url', coalesce(json_text(p.url), json_text(c.url))),
            json_field('path', coalesce(json_text(p.path), json_text(c.path))),
            json_field('title', coalesce(json_text(p.title), json_text(c.title))),
            json_field('referrer', coalesce(json_text(p.referrer), json_text(c.referrer))),
            json_field('name', CASE WHEN shown THEN json_text(e.name) END),
            json_field('category', CASE WHEN shown THEN json_text(e.category) END))) END),
        json_field('user_agent', json_text(e.context.userAgent)))
    ) END AS properties,
    -- What was agreed to, and which version of it, stays with the event.
    CASE WHEN e.context.consent IS NOT NULL THEN json_object_of(json_field('consent', json_map(e.context.consent))) END
        AS global_context,
    -- What a person or an account is said to be: `traits` wins over `context.traits`, name by name.
    CASE WHEN type_text = 'identify' THEN json_said_both(e.context.traits, e.traits) END AS user_attributes,
    CASE WHEN type_text = 'group' THEN json_said_both(e.context.traits, e.traits) END AS account_attributes
FROM (
    SELECT
        *,
        CASE WHEN e.context.page IS NOT NULL THEN from_json(e.context.page,
            '{"url": "JSON", "path": "JSON", "title": "JSON", "referrer": "JSON"}') END AS c,
        CASE WHEN shown THEN from_json(e.properties,
            '{"url": "JSON", "path": "JSON", "title": "JSON", "referrer": "JSON"}') END AS p
    FROM (
        SELECT *, type_text IN ('page', 'screen') AS shown
        FROM (SELECT *, coalesce(nullif(e.type, ''), call) AS type_text FROM (SELECT *, from_json(text, '{
            "type": "VARCHAR", "messageId": "VARCHAR", "event": "VARCHAR", "name": "JSON", "category": "JSON",
            "userId": "VARCHAR", "anonymousId": "VARCHAR", "previousId": "VARCHAR", "groupId": "VARCHAR",
            "timestamp": "VARCHAR", "originalTimestamp": "VARCHAR", "sentAt": "VARCHAR",
            "traits": "JSON", "properties": "JSON",
            "context": {"groupId": "VARCHAR", "sessionId": "VARCHAR", "product_key": "VARCHAR", "productKey": "VARCHAR",
                "environment": "VARCHAR", "channel": "VARCHAR", "locale": "VARCHAR", "traits": "JSON", "page": "JSON",
                "userAgent": "JSON", "consent": "JSON"}
        }') AS e
        FROM events))
    )
)
