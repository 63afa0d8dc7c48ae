"""The metadata as tables, for DuckDB, pandas and polars."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Sequence
from typing import Any

from contexta import _native
from contexta.errors import DependencyError, ValidationError

# For each table: the kind of the objects, the member that is the column `ref`, and the other columns. A last column,
# `payload_json`, has the whole object.
_TABLES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "projects": ("project", "project_ref", ("name", "created_at")),
    "runs": ("run", "run_ref", ("project_ref", "name", "started_at", "ended_at", "status")),
    "deployment_executions": (
        "deployment_execution",
        "deployment_execution_ref",
        ("project_ref", "deployment_name", "run_ref", "order_index", "started_at", "ended_at", "status"),
    ),
    "stage_executions": (
        "stage_execution",
        "stage_execution_ref",
        ("run_ref", "stage_name", "order_index", "started_at", "ended_at", "status"),
    ),
    "batch_executions": (
        "batch_execution",
        "batch_execution_ref",
        ("run_ref", "stage_execution_ref", "batch_name", "order_index", "started_at", "ended_at", "status"),
    ),
    "sample_observations": (
        "sample_observation",
        "sample_observation_ref",
        (
            "run_ref",
            "stage_execution_ref",
            "batch_execution_ref",
            "sample_name",
            "observed_at",
            "retention_class",
            "redaction_profile",
        ),
    ),
    "operation_contexts": (
        "operation_context",
        "operation_context_ref",
        ("run_ref", "stage_execution_ref", "batch_execution_ref", "operation_name", "observed_at"),
    ),
    "environment_snapshots": ("environment_snapshot", "environment_snapshot_ref", ("run_ref", "captured_at")),
    "relations": ("relation", "relation_ref", ("source_ref", "target_ref", "relation_type", "recorded_at")),
    "provenance_records": ("provenance", "provenance_ref", ("relation_ref", "asserted_at", "assertion_mode")),
}
_INTEGERS = {"order_index"}


def _module(name: str, code: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        hint = f"pip install {name}"
        message = f"the package {name} is not installed"
        raise DependencyError(message, code=code, details={"package": name}, hint=hint, cause=error) from error


class _Adapter:
    """The tables of the metadata. Every call reads the current state of the workspace."""

    _package = ""
    _code = ""

    def __init__(self, store: _native.MetadataStore) -> None:
        self._store = store
        self._module = _module(self._package, self._code)

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(_TABLES)

    def _columns(self, name: str) -> tuple[str, ...]:
        if name not in _TABLES:
            message = f"there is no table {name!r}; the tables are {', '.join(_TABLES)}"
            raise ValidationError(message, code="metadata_table_unknown", details={"table": str(name)})
        return ("ref", *_TABLES[name][2], "payload_json")

    def _rows(self, name: str) -> list[tuple[Any, ...]]:
        """Returns the rows of a table in the order of its list."""
        self._columns(name)
        kind, own, columns = _TABLES[name]
        rows = []
        for form in self._forms(kind):
            payload = {key: value for key, value in form.items() if value is not None}
            text = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            rows.append((form[own], *(form.get(column) for column in columns), text))
        return rows

    def _forms(self, kind: str) -> list[dict[str, Any]]:
        if kind != "provenance":
            return self._store.list(kind, {})[0]
        relations = self._store.list("relation", {})[0]
        records: list[dict[str, Any]] = []
        for relation in relations:
            records.extend(self._store.list(kind, {"relation_ref": relation["relation_ref"]})[0])
        return records


class DuckDBAdapter(_Adapter):
    """Answers SQL queries over the tables of the metadata with DuckDB. The tables are loaded into memory for each
    query, so that statements never change the workspace.
    """

    _package = "duckdb"
    _code = "metadata_store_backend_missing"

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> Any:
        """Runs a statement and returns the DuckDB connection with its result."""
        connection = self._module.connect(":memory:")
        for name in _TABLES:
            if re.search(rf"\b{name}\b", sql, re.IGNORECASE):
                self._load(connection, name)
        return connection.execute(sql, list(params or ()))

    def _load(self, connection: Any, name: str) -> None:
        columns = self._columns(name)
        types = ("BIGINT" if column in _INTEGERS else "VARCHAR" for column in columns)
        declared = ", ".join(f'"{column}" {kind}' for column, kind in zip(columns, types, strict=True))
        connection.execute(f'CREATE TABLE "{name}" ({declared})')
        rows = self._rows(name)
        if rows:
            marks = ", ".join("?" for _ in columns)
            connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)

    def query_one(self, sql: str, params: Sequence[Any] | None = None) -> tuple[Any, ...] | None:
        """Returns the first row of the result; ``None`` if the result is empty."""
        row: tuple[Any, ...] | None = self.execute(sql, params).fetchone()
        return row

    def query_all(self, sql: str, params: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Returns all rows of the result."""
        rows: list[tuple[Any, ...]] = self.execute(sql, params).fetchall()
        return rows

    def table(self, name: str) -> list[tuple[Any, ...]]:
        """Returns all rows of a table."""
        return self._rows(name)


class PandasAdapter(_Adapter):
    """Returns the tables of the metadata as data frames of pandas."""

    _package = "pandas"
    _code = "metadata_pandas_adapter_not_ready"

    def table(self, name: str) -> Any:
        """Returns a whole table as a data frame."""
        columns = self._columns(name)
        frame = self._module.DataFrame.from_records(self._rows(name), columns=list(columns))
        return frame.astype({column: "Int64" for column in columns if column in _INTEGERS})

    def query(self, sql: str, params: Sequence[Any] | None = None) -> Any:
        """Returns the result of an SQL query as a data frame. The query needs the package duckdb."""
        return DuckDBAdapter(self._store).execute(sql, params).df()


class PolarsAdapter(_Adapter):
    """Returns the tables of the metadata as data frames of polars."""

    _package = "polars"
    _code = "metadata_polars_adapter_not_ready"

    def table(self, name: str) -> Any:
        """Returns a whole table as a data frame."""
        polars = self._module
        schema = {column: polars.Int64 if column in _INTEGERS else polars.String for column in self._columns(name)}
        return polars.DataFrame(self._rows(name), schema=schema, orient="row")

    def query(self, sql: str) -> Any:
        """Returns the result of an SQL query as a data frame. The query is answered by polars."""
        names = [name for name in _TABLES if re.search(rf"\b{name}\b", sql, re.IGNORECASE)]
        frames = {name: self.table(name) for name in names}
        return self._module.SQLContext(frames, eager=True).execute(sql)
