"""The labels of the endpoints, by what they have in common: the names that a fault script uses.

Not here: the endpoints themselves (the route modules), whose operations carry the same labels.
"""

from __future__ import annotations

from .wire import Provider

OPENAI_CREATE = "POST /v1/batches"
ANTHROPIC_CREATE = "POST /v1/messages/batches"
UPLOAD = "POST /v1/files"
DECISIONS = "POST /v1/decisions"

CREATE_BATCH = frozenset({OPENAI_CREATE, ANTHROPIC_CREATE})
LIVE = frozenset({"POST /v1/responses", "POST /v1/chat/completions", "POST /v1/messages"})
DOWNLOAD = frozenset({"GET /v1/files/{file_id}/content", "GET /v1/messages/batches/{batch_id}/results"})
BATCH_OBJECTS = CREATE_BATCH | {
    "GET /v1/batches",
    "GET /v1/batches/{batch_id}",
    "POST /v1/batches/{batch_id}/cancel",
    "GET /v1/messages/batches",
    "GET /v1/messages/batches/{batch_id}",
    "POST /v1/messages/batches/{batch_id}/cancel",
}
JSON_ANSWERS = (
    BATCH_OBJECTS
    | LIVE
    | {
        UPLOAD,
        DECISIONS,
        "GET /v1/files",
        "GET /v1/files/{file_id}",
        "DELETE /v1/files/{file_id}",
        "DELETE /v1/messages/batches/{batch_id}",
        "GET /v1/models",
        "GET /v1/models/{model_id}",
    }
)
ALL = JSON_ANSWERS | DOWNLOAD


def of_provider(labels: frozenset[str], provider: Provider) -> frozenset[str]:
    """Return those of ``labels`` that belong to one provider; the models endpoints belong to both."""
    shared = {label for label in labels if "/v1/models" in label}
    anthropic = {label for label in labels if "/v1/messages" in label}
    return frozenset(anthropic | shared if provider == "anthropic" else labels - anthropic)
