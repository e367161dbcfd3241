"""The lake: table contracts, Parquet files, and their publication as the warehouse."""

from huleedu_pipeline.lake.publication import LeftOut, Publication, WarehouseError
from huleedu_pipeline.lake.schema import Column, ColumnType, ContractError, Table
from huleedu_pipeline.lake.store import Lake, MissingDataError
from huleedu_pipeline.lake.warehouse import Warehouse, open_warehouse, publish

__all__ = [
    "Column",
    "ColumnType",
    "ContractError",
    "Lake",
    "LeftOut",
    "MissingDataError",
    "Publication",
    "Table",
    "Warehouse",
    "WarehouseError",
    "open_warehouse",
    "publish",
]
