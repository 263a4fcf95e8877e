"""The file that ``footfall init`` writes: every kind of resource once, as comments to be uncommented."""

from __future__ import annotations

from typing import Final

from footfall.config.definition_file import SCHEMA_NAME

STARTER: Final = f"""\
# yaml-language-server: $schema={SCHEMA_NAME}
#
# What this Footfall is: who sends events, where files go, and what the names in events mean.
#
#   footfall check     is this file sound? Nothing else is needed for it
#   footfall plan      what would change? Nothing is changed
#   footfall apply     change it
#
# To use an example, take the '# ' from the beginning of its lines.
# A list that is not in this file is left alone; what is not in a list stays, unless you plan and apply with --prune.
version: 1

# Fixed at the first start; here to be checked, and to begin an empty data directory with.
# subscription:
#   time_zone: Europe/Athens

# Who may send events. `footfall apply` prints the write key of a new source once; it is never in this file.
# sources:
#   - name: web
#     product_key: shop
#     environment: Production
#     channel: web

# What is kept of what sources send, decided before it is stored. "*" is the deployment.
# privacy:
#   - source: "*"
#     addresses: truncated
#     sensitive: keep

# What is known of people, beside what is found as it is said: types, merge rules, defaults, who is one person.
# attributes:
#   - entity: user
#     api_name: email
#     is_identifier: true
#     is_pii: true
#   - entity: user
#     api_name: interests
#     type: SET
#     capacity: 50
#   - entity: account
#     api_name: seats
#     type: NUMBER
#     merge: max

# People chosen by what they are and what they did, or listed by somebody.
# audiences:
#   - name: active-pros
#     rule: AND(account.plan = Premium, COUNT(feature export WITHIN 30d) > 3)
#   - name: partners
#     list_by: email

# Ways into buckets. Never a secret, only where it is: ${{env:VARIABLE}} or ${{file:PATH}}.
# authorizations:
#   - name: warehouse
#     kind: aws_keys
#     region: eu-central-1
#     secrets:
#       access_key_id: ${{env:WAREHOUSE_ACCESS_KEY_ID}}
#       access_key_secret: ${{env:WAREHOUSE_ACCESS_KEY_SECRET}}

# Who is told when a job needs a person. `footfall apply` prints the signing secret of a webhook that is drawn, once.
# channels:
#   - name: ops
#     kind: mail
#     host: smtp.example.com
#     sender: footfall@example.com
#     to: [ops@example.com]
#     secrets:
#       user: ${{env:SMTP_USER}}
#       password: ${{env:SMTP_PASSWORD}}
#   - name: pager
#     kind: webhook
#     url: https://hooks.example.com/footfall
# rules:
#   - name: everything
#     channel: ops
#   - name: nightly
#     channel: pager
#     jobs: [daily]
#     "on": [failure, paused, recovery]

# What is delivered where and when. Without a schedule: daily at 03:00 in the subscription's zone.
# jobs:
#   - name: daily
#     kind: rollups
#     to: s3://my-bucket/px
#     authorization: warehouse
#     options:
#       format: json
#   - name: activity
#     kind: activity
#     to: s3://my-bucket/activity
#     authorization: warehouse
#     schedule:
#       kind: hourly
#       every: 6
#     catch_up: all

# What the names in events mean.
# products:
#   - product_key: shop
#     name: The shop
# environments:
#   - name: Production
# features:
#   - id: checkout
#     name: Checkout
#     type: MODULE
#     product_key: shop
#   - id: pay-by-card
#     name: Pay by card
#     parent_feature_id: checkout
#     product_key: shop
# engagements:
#   - id: autumn-sale
#     name: Autumn sale
#     type: IN_APP_DIALOG
# surveys:
#   - id: nps-2026
#     name: How are we doing?
#     type: NPS
#     questions:
#       - id: q1
#         text: How likely are you to recommend us?
# articles:
#   - provider: ZENDESK_ARTICLE_PROVIDER
#     external_article_id: "4711"
#     title: How to return goods
"""
