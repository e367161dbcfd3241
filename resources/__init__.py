"""Dagster resources: the lake, the ledger, the warehouse and the providers as configured connections. No logic of their own."""

from resources.stores import LakeResource, LedgerResource, WarehouseResource
from resources.work import PaidWorkResource

__all__ = ["LakeResource", "LedgerResource", "PaidWorkResource", "WarehouseResource"]
