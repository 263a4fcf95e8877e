-- One row per event of the native dialect, in the columns that the shaper's second half expects.
-- Input: events(position, index, received_us, source, call, batch_sent_us, text), text being one event as the client
-- wrote it. `product`, `environment` and `channel` are the event's own; the shaper knows those of the source.
-- A field of a shape nobody promised becomes NULL; only a text that is no JSON at all raises.
SELECT
    position, index, received_us, source,
    type,
    e.type AS type_text,
    -- A match has the same id whoever finds it: that of its cause and of its feature.
    CASE WHEN type = event_type('feature_match')
        THEN coalesce(nullif(e.source_event_id->>'$', '') || '-' || nullif(e.feature_id, ''), e.event_id)
        ELSE e.event_id END AS event_id,
    e.occurred_at AS occurred_text,
    e.sent_at AS sent_text, batch_sent_us,
    e.identify_id,
    e.anonymous_id,
    CASE WHEN e.type = 'alias' THEN e.previous_id END AS previous_id,
    -- Where an account is told of, it is the one: what is said of it must not become another's.
    CASE WHEN type IN (event_type('identify'), event_type('group')) THEN coalesce(nullif(a.id, ''), e.account_id)
        ELSE coalesce(nullif(e.account_id, ''), a.id) END AS account_id,
    nullif(e.product_key, '') AS product,
    nullif(e.environment, '') AS environment,
    nullif(e.channel, '') AS channel,
    -- What the event is about, and how it went: model/event.py, NAME_FIELD and DETAIL_FIELD.
    CASE about
        WHEN 'event_name' THEN e.event_name
        WHEN 'feature_id' THEN e.feature_id
        WHEN 'audience_id' THEN e.audience_id
        WHEN 'engagement_id' THEN e.engagement_id
        WHEN 'external_article_id' THEN e.external_article_id
    END AS name,
    CASE how
        WHEN 'view_state' THEN e.view_state
        WHEN 'survey_type' THEN survey_reported(e.survey_type)
        WHEN 'question_type' THEN e.question_type
        WHEN 'email_type' THEN e.email_type
        WHEN 'provider' THEN e.provider
    END AS detail,
    e.session_id,
    e.execution_id,
    TRY_CAST(e.step_number AS INTEGER) AS step_number,
    e.locale,
    CASE WHEN lower(e.trigger_type) = 'auto' THEN 'AUTOMATIC' ELSE e.trigger_type END AS trigger_type,
    json_object_of(concat_ws(',',
        json_field('attributes', json_map(e.attributes)),
        json_field('metrics', json_map(e.metrics)),
        json_field('page', json_map(e.page)),
        json_field('element', json_map(e.element)),
        json_field('form', json_map(e.form)),
        json_field('source_event_id', json_text(e.source_event_id)),
        json_field('content_type', json_text(e.content_type)),
        json_field('link_url', json_text(e.link_url)),
        json_field('score', json_text(e.score)),
        json_field('comment', json_text(e.comment)),
        json_field('contact_me_allowed', json_text(e.contact_me_allowed)),
        json_field('labels', json_text(e.labels)),
        json_field('path', json_text(e.path)),
        json_field('question_id', json_text(e.question_id)),
        json_field('question_text', json_text(e.question_text)),
        json_field('answers', json_text(e.answers)),
        json_field('subject', json_text(e.subject)),
        json_field('category', json_text(e.category)),
        json_field('description', json_text(e.description)),
        json_field('status', json_text(e.status)),
        json_field('reason', json_text(e.reason)),
        json_field('bounce_type', json_text(e.bounce_type)),
        json_field('title', json_text(e.title)),
        json_field('url', json_text(e.url)),
        json_field('duration_s', json_text(e.duration_s)),
        json_field('event_count', json_text(e.event_count)),
        json_field('user_agent', json_text(e.user_agent)))
    ) AS properties,
    json_map(e.global_context) AS global_context,
    json_said(e."user") AS user_attributes,
    CASE WHEN a.id IS NULL THEN json_said(e.account) ELSE json_said(json_merge_patch(e.account, '{"id": null}')) END
        AS account_attributes
FROM (
    -- Layer by layer, because a CASE writes its operand out once per arm and a macro its argument once per use.
    SELECT *, name_field(type) AS about, detail_field(type) AS how
    FROM (
        SELECT *, event_type(e.type) AS type,
            CASE WHEN e.account IS NOT NULL THEN from_json(e.account, '{"id": "VARCHAR"}') END AS a
        FROM (
            SELECT *, from_json(text, '{
                "type": "VARCHAR", "event_id": "VARCHAR", "occurred_at": "VARCHAR", "sent_at": "VARCHAR",
                "product_key": "VARCHAR", "channel": "VARCHAR", "environment": "VARCHAR",
                "identify_id": "VARCHAR", "anonymous_id": "VARCHAR", "previous_id": "VARCHAR", "account_id": "VARCHAR",
                "session_id": "VARCHAR", "user": "JSON", "account": "JSON",
                "event_name": "VARCHAR", "feature_id": "VARCHAR", "source_event_id": "JSON", "audience_id": "VARCHAR",
                "engagement_id": "VARCHAR", "execution_id": "VARCHAR", "step_number": "VARCHAR", "view_state": "VARCHAR",
                "content_type": "JSON", "survey_type": "VARCHAR", "score": "JSON", "comment": "JSON",
                "contact_me_allowed": "JSON", "labels": "JSON", "path": "JSON", "question_id": "JSON",
                "question_type": "VARCHAR", "question_text": "JSON", "answers": "JSON", "subject": "JSON",
                "category": "JSON", "description": "JSON", "email_type": "VARCHAR", "status": "JSON", "reason": "JSON",
                "bounce_type": "JSON", "link_url": "JSON", "provider": "VARCHAR", "external_article_id": "VARCHAR",
                "title": "JSON", "url": "JSON", "trigger_type": "VARCHAR", "locale": "VARCHAR", "global_context": "JSON",
                "attributes": "JSON", "metrics": "JSON", "page": "JSON", "element": "JSON", "form": "JSON",
                "user_agent": "JSON", "duration_s": "JSON", "event_count": "JSON"
            }') AS e
            FROM events
        )
    )
)
