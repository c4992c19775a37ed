"""What the S3 servers have in common: one user, and what DataFlux is told of them."""

from collections.abc import Mapping
from urllib.parse import quote

from local.services.server import HOST

ACCESS_KEY, SECRET_KEY, REGION = "dataflux", "dataflux-secret", "us-east-1"
"""For this machine only: nothing else can reach the server."""


def endpoint(ports: Mapping[str, int]) -> str:
    return f"http://{HOST}:{ports['client']}"


def settings(ports: Mapping[str, int]) -> dict[str, str]:
    """Return what boto3 reads, and where the buckets of sources are.

    Where DataFlux keeps its own objects is not among it: its bucket must be made first.
    """
    return {
        "DATAFLUX_BUCKETS": f"s3:?endpoint={quote(endpoint(ports), safe=':/')}&region={REGION}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL_S3": endpoint(ports),
        "AWS_REGION": REGION,
    }
