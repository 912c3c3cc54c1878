"""An AWS on this machine, moto's server, with what the function needs of it."""

import json
import logging
from collections.abc import Mapping
from typing import Any, Self

import boto3
from moto.server import ThreadedMotoServer

from app.objects.s3 import StoredObject

REGION = "us-east-1"


class LocalAws:
    """A queue that gets the results, and whatever buckets are asked for."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs each request
        self._server.start()
        host, port = self._server.get_host_and_port()
        self._endpoint = f"http://{host}:{port}"
        self._queue = self.client("sqs")
        self._queue_url = self._queue.create_queue(QueueName="results")["QueueUrl"]
        self._objects = self.client("s3")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def client(self, service: str) -> Any:
        """Return a client of this AWS."""
        return boto3.client(
            service,
            endpoint_url=self._endpoint,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    @property
    def variables(self) -> Mapping[str, str]:
        """What a function must find in its environment to use it."""
        return {
            "SENTIMENT_RESULTS_QUEUE_URL": self._queue_url,
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
        }

    def results(self) -> list[dict[str, Any]]:
        """Return what the queue of results got, and empty it."""
        results = []
        while messages := self._queue.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                results.append(json.loads(message["Body"]))
                self._queue.delete_message(
                    QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
        return results

    def put(self, stored: StoredObject, body: bytes) -> None:
        """Put an object, in a bucket that is made for it."""
        self._objects.create_bucket(Bucket=stored.bucket)
        self._objects.put_object(Bucket=stored.bucket, Key=stored.key, Body=body)

    def take(self, bucket: str, *prefixes: str) -> dict[str, str]:
        """Return the objects under the prefixes, and remove them."""
        taken = {}
        for prefix in prefixes:
            listed = self._objects.list_objects_v2(Bucket=bucket, Prefix=prefix)
            for key in [listed_object["Key"] for listed_object in listed.get("Contents", ())]:
                body = self._objects.get_object(Bucket=bucket, Key=key)["Body"].read()
                taken[key] = body.decode()
                self._objects.delete_object(Bucket=bucket, Key=key)
        return taken
