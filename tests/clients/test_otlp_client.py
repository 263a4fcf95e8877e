"""The unmodified OpenTelemetry SDK and its OTLP exporter against a collector: N events sent, N in the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from programs import CutOnce, run

PROGRAM = """
    import json, sys, warnings
    warnings.simplefilter("ignore")
    from opentelemetry._logs import LogRecord
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource

    exporter = OTLPLogExporter(sys.argv[1] + "/v1/logs", headers={"X-Write-Key": "WKEY"},
                               compression=Compression(sys.argv[2]))
    provider = LoggerProvider(Resource.create({"service.name": "shop-api", "deployment.environment.name": "QA"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_export_batch_size=50))
    logger = provider.get_logger("shop")
    for n in range(int(sys.argv[3])):
        logger.emit(LogRecord(event_name="report opened", body={"n": n, "name": "Łódź"},
                              attributes={"user.id": "ada", "session.id": "s-1", "log.record.uid": f"e-{n}"}))
    provider.shutdown()
    print(json.dumps("done"))
"""


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_all_that_the_sdk_sends_is_in_the_log_as_events_of_ours(door: Callable[..., Any], compression: str) -> None:
    hub = door()
    run(PROGRAM, f"http://127.0.0.1:{hub.port}", compression, "120")
    entries = hub.entries()
    assert {(entry.batch.dialect, entry.batch.call, entry.batch.rejected) for entry in entries} == {
        ("native", "otlp", ())
    }
    events = hub.events()
    assert [event["event_id"] for event in events] == [f"e-{n}" for n in range(120)]
    assert [event["attributes"] for event in events] == [{"n": n, "name": "Łódź"} for n in range(120)]
    assert {(each["event_name"], each["identify_id"], each["product_key"], each["environment"]) for each in events} == {
        ("report opened", "ada", "shop-api", "QA")
    }


def test_a_client_whose_answer_is_cut_sends_the_same_ids_again(
    door: Callable[..., Any], cutting: Callable[[int], CutOnce]
) -> None:
    hub = door()
    proxy = cutting(hub.port)
    run(PROGRAM, f"http://127.0.0.1:{proxy.port}", "none", "3")
    assert proxy.cut == 1
    assert [event["event_id"] for event in hub.events()] == ["e-0", "e-1", "e-2"] * 2
