"""The Parquet lake: one file for each table and batch, written whole or not at all.

A file is checked against its table's contract, written under a temporary name, flushed to disk and renamed; whatever goes
wrong, the old file stays. Any number of processes may write and read at once.
"""

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.files import replacing
from huleedu_pipeline.lake.schema import ContractError, Table


class MissingDataError(HuleeduError):
    """A table has no file for a batch."""


class Lake:
    """The lake in the folder ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def identity(self) -> str:
        """Return a name that this lake has for good, and no other has; it is made when it is first asked for."""
        file = self.root / "identity"
        with FileLock(self.root / "identity.lock"):
            if not file.exists():
                with replacing(file) as draft:
                    draft.write_text(secrets.token_hex(8), encoding="ascii")
        return file.read_text(encoding="ascii")

    def path(self, table: Table, batch_id: str) -> Path:
        """Return where the file of ``table`` for ``batch_id`` is or would be."""
        return self.root / table.name / f"batch={batch_id}" / "data.parquet"

    def write(self, table: Table, batch_id: str, data: pa.Table) -> Path:
        """Replace the file of ``table`` for ``batch_id``.

        Raises:
            ContractError: ``data`` break the contract, or belong to another batch; the old file stays.

        """
        violations = table.violations(data)
        if violations:
            raise ContractError("\n".join(violations))
        others = {str(value) for value in data.column("batch_id").to_pylist()} - {batch_id}
        if others:
            raise ContractError(f"table {table.name}: rows of batch {min(others)} in the file of batch {batch_id}")
        path = self.path(table, batch_id)
        with replacing(path) as temporary:
            pq.write_table(data, temporary, compression="zstd")
        return path

    def write_rows(self, table: Table, batch_id: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
        """Replace the file with ``rows``, one dictionary each, and return them as an Arrow table.

        Raises:
            ContractError: as :meth:`write`.

        """
        data = table.from_rows(rows)
        self.write(table, batch_id, data)
        return data

    def read(self, table: Table, batch_id: str) -> pa.Table:
        """Return the rows of ``table`` for ``batch_id``.

        Raises:
            MissingDataError: there is no file; the message says which asset makes it.
            ContractError: the file breaks the contract.

        """
        path = self.path(table, batch_id)
        try:
            data = pq.ParquetFile(path).read()
        except FileNotFoundError:
            raise MissingDataError(
                f"batch {batch_id}: table {table.name} is not there yet (materialise the asset that writes it)"
            ) from None
        except pa.ArrowInvalid as error:
            raise ContractError(f"{path}: is no whole Parquet file: {error} (materialise its asset again)") from None
        violations = table.violations(data)
        if violations:
            raise ContractError("\n".join(violations))
        return data

    def read_rows(self, table: Table, batch_id: str) -> list[dict[str, Any]]:
        """Return the rows as one dictionary each; raises as :meth:`read`."""
        return self.read(table, batch_id).to_pylist()

    def files(self, table: Table) -> list[Path]:
        """Return the files of ``table``, one for each batch, in the order of batch keys."""
        return sorted((self.root / table.name).glob("batch=*/data.parquet"))
