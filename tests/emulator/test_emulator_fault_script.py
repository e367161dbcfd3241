"""The fault script: its format, its counting, its life across restarts, its endpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.providers.emulator import anthropic_routes, endpoints, openai_routes
from huleedu_pipeline.providers.emulator.app import build_app
from huleedu_pipeline.providers.emulator.config import EmulatorConfig
from huleedu_pipeline.providers.emulator.errors import EmulatorError
from huleedu_pipeline.providers.emulator.faults.script import Rule, read_script

from .conftest import ServerMaker
from .fault_kit import CREATE, Wire


@pytest.mark.parametrize(
    ("nth", "count", "expected"),
    [
        (1, None, [1]),
        (3, None, [3]),
        (2, 3, [2, 3, 4]),
        ("every", None, [1, 2, 3, 4, 5, 6]),
        ("every", 2, [1, 2]),
    ],
)
def test_when_a_rule_is_due(wire: Wire, nth: int | str, count: int | None, expected: list[int]) -> None:
    wire.rule("GET /v1/models", "error", nth=nth, count=count, status=500)
    replies = [wire.http.get("/v1/models").status_code for _ in range(6)]
    assert [number for number, status in enumerate(replies, start=1) if status == 500] == expected
    rule = wire.http.get("/admin/faults").json()["rules"][0]
    assert (rule["seen"], rule["fired"], rule["fault"]["kind"]) == (6, len(expected), "error")


def test_any_endpoint(wire: Wire) -> None:
    wire.rule("*", "error", nth=2, status=503)
    assert wire.http.get("/v1/models").status_code == 200
    assert wire.http.get("/v1/files").status_code == 503
    assert wire.http.get("/v1/models").status_code == 200


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"endpoint": "POST /v1/batch", "fault": "drop"}, "endpoint 'POST /v1/batch' does not exist; there are "),
        (
            {"endpoint": "GET /v1/files", "fault": {"kind": "expire", "at": 0.5}},
            "cannot happen at 'GET /v1/files', only at POST",
        ),
        ({"endpoint": "*", "fault": "crlf"}, "fault 'crlf' needs an endpoint: POST"),
        ({"endpoint": "POST /v1/messages/batches", "fault": "empty_file_ids"}, "only at GET /v1/batches"),
        ({"endpoint": "*", "fault": "explode"}, "does not match any of the expected tags"),
        ({"endpoint": "*", "fault": "hang"}, "seconds: Field required"),
        ({"endpoint": "*", "fault": {"kind": "hang", "seconds": 1e9}}, "less than or equal to 3600"),
        ({"endpoint": "*", "fault": {"kind": "drop", "later": 1}}, "later: Extra inputs are not permitted"),
        ({"endpoint": "*", "nth": 0, "fault": "drop"}, "rules.0.nth"),
        ({"endpoint": "*", "times": 2, "fault": "drop"}, "times: Extra inputs are not permitted"),
    ],
)
def test_a_bad_script_is_refused_with_its_place(wire: Wire, tmp_path: Path, rule: dict[str, Any], complaint: str) -> None:
    wire.rule("GET /v1/models", "drop", nth=99)
    refused = wire.http.put("/admin/faults", json={"rules": [rule]})
    assert refused.status_code == 422
    assert complaint in " ".join(refused.json()["errors"])
    assert len(wire.fired()) == 1  # the old script goes on
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"rules": [rule]}))
    with pytest.raises(EmulatorError, match=r"fault script .*faults.json: rules\.0"):
        read_script(path)


def test_not_json_and_not_there(wire: Wire, tmp_path: Path) -> None:
    assert wire.http.put("/admin/faults", content=b"{").status_code == 422
    with pytest.raises(EmulatorError, match="cannot be read"):
        build_app(EmulatorConfig(state_dir=tmp_path / "state", faults=tmp_path / "none.json"))


def test_a_script_is_removed(wire: Wire) -> None:
    wire.rule("*", "error", nth="every", status=500)
    assert wire.http.get("/v1/models").status_code == 500
    assert wire.http.delete("/admin/faults").json() == {"rules": []}
    assert wire.http.get("/v1/models").status_code == 200


def test_the_ledger_tells_what_has_fired(wire: Wire) -> None:
    name = "DELETE /v1/files/{file_id} lose_answer"
    before = wire.server.ledger()["faults_fired"].get(name, 0)
    wire.rule("DELETE /v1/files/{file_id}", "lose_answer")
    file_id = wire.upload()
    with pytest.raises(Exception, match="disconnected"):
        wire.http.delete(f"/v1/files/{file_id}")
    assert wire.server.ledger()["faults_fired"][name] == before + 1
    assert wire.http.get(f"/v1/files/{file_id}").status_code == 404


def test_counts_and_faults_survive_a_kill(new_server: ServerMaker, tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    rules = [
        {"endpoint": "GET /v1/models", "nth": 2, "count": 2, "fault": {"kind": "error", "status": 500}},
        {"endpoint": CREATE["openai"], "fault": {"kind": "expire", "at": 0.5}},
        {"endpoint": CREATE["openai"], "fault": {"kind": "absent_from_lists", "seconds": 60}},
    ]
    path.write_text(json.dumps({"rules": rules}))
    server = new_server("--faults", str(path), seconds_per_job=0.5)
    first = Wire(server)
    job_id = first.create("openai", 4).json()["id"]
    assert [first.http.get("/v1/models").status_code for _ in range(2)] == [200, 500]
    server.kill()
    server.start()
    second = Wire(server)
    assert second.fired() == [1, 1, 1]
    assert [second.http.get("/v1/models").status_code for _ in range(2)] == [500, 200]
    assert second.http.get("/v1/batches").json()["data"] == []
    assert second.done("openai", job_id)["status"] == "expired"
    second.rule("GET /v1/models", "error", nth="every", status=503)
    server.kill()
    server.start()
    assert Wire(server).http.get("/v1/models").status_code == 503  # the file is unchanged: what was set later stays
    path.write_text(json.dumps({"rules": []}))
    server.kill()
    server.start()
    assert Wire(server).http.get("/v1/models").status_code == 200


def test_every_endpoint_can_have_faults() -> None:
    labels = {operation.label for operation in (*openai_routes.OPERATIONS, *anthropic_routes.OPERATIONS)}
    assert labels | {"GET /v1/models", "GET /v1/models/{model_id}"} == endpoints.ALL


def test_a_kind_alone_is_a_fault() -> None:
    assert Rule.model_validate({"endpoint": "*", "fault": "drop"}).fault.kind == "drop"
