"""Ingest's job by AWS Lambda Powertools, as its documentation puts the parts together: verify, be idempotent,
enqueue. What `hookgate-bench cold` compares ingest with."""
import base64
import hashlib
import hmac
import json
import os
import time

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

SECRET = os.environ["BENCH"].encode()
QUEUE_URL = os.environ["HOOKGATE_QUEUE_URL"]
TOLERANCE_S = 300

logger = Logger(service="ingest")
metrics = Metrics(namespace="Peer", service="ingest")
app = APIGatewayHttpResolver()
sqs = boto3.client("sqs")
config = IdempotencyConfig(event_key_jmespath="id", expires_after_seconds=35 * 24 * 3600)


@idempotent_function(
    data_keyword_argument="event",
    config=config,
    persistence_store=DynamoDBPersistenceLayer(table_name=os.environ["PEER_TABLE"]),
)
def enqueue(event, body):
    sqs.send_message(QueueUrl=QUEUE_URL, MessageBody=base64.b64encode(body).decode())
    return {"status": "accepted"}


def verified(header, body):
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    signed = parts.get("t", "").encode() + b"." + body
    wanted = hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
    fresh = abs(time.time() - int(parts.get("t", "0"))) <= TOLERANCE_S
    return fresh and hmac.compare_digest(wanted, parts.get("v1", ""))


@app.post("/webhooks/<source>")
def ingest(source):
    body = app.current_event.decoded_body.encode()
    if not verified(app.current_event.headers.get("x-product-signature", ""), body):
        return Response(status_code=400, content_type="application/json", body='{"error":"not authentic"}')
    answer = enqueue(event={"id": json.loads(body)["id"]}, body=body)
    metrics.add_metric(name="EventsAccepted", unit=MetricUnit.Count, value=1)
    logger.info("event", extra={"outcome": "accepted", "source": source})
    return answer


@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    return app.resolve(event, context)
