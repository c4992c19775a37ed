"""The contract of object stores, held by three S3 servers that are not alike."""

from typing import ClassVar

import pytest

from stores.ports import ObjectStore
from tests.contracts.object_store import (
    LONG_CONTROL_PART,
    LONG_PART,
    LONG_UNICODE_PART,
    NEW_LINE,
    ObjectStoreContract,
)
from tests.fixtures.s3 import new_store

LONG_PARTS = frozenset({LONG_PART, LONG_UNICODE_PART, LONG_CONTROL_PART})
"""Servers that keep objects in folders have no room for a part of more than 255 bytes."""


class TestMoto(ObjectStoreContract):
    FLAWED: ClassVar = frozenset({NEW_LINE, LONG_CONTROL_PART})

    @pytest.fixture
    def objects(self, moto: str) -> ObjectStore:
        return new_store(moto)


@pytest.mark.services
class TestVersitygw(ObjectStoreContract):
    """It keeps objects as files: none lies below another."""

    NESTS: ClassVar = False
    UNKEPT: ClassVar = LONG_PARTS

    @pytest.fixture
    def objects(self, versitygw: str) -> ObjectStore:
        return new_store(versitygw)


@pytest.mark.services
class TestMinio(ObjectStoreContract):
    LISTS_BELOW: ClassVar = False
    UNKEPT: ClassVar = LONG_PARTS

    @pytest.fixture
    def objects(self, minio: str) -> ObjectStore:
        return new_store(minio)
