"""What a finished run is: its record, and the folder it lives in. Values only; nothing here trains or draws."""

from archscope.runs.classification import classification_report
from archscope.runs.record import (
    SCHEMA_VERSION,
    ClassScore,
    DataRecord,
    EpochRecord,
    LatencyRecord,
    NetworkRecord,
    Run,
    Scores,
)
from archscope.runs.store import history_csv, list_runs, read_run, saved_model, times_tested, write_run

__all__ = [
    "SCHEMA_VERSION",
    "ClassScore",
    "DataRecord",
    "EpochRecord",
    "LatencyRecord",
    "NetworkRecord",
    "Run",
    "Scores",
    "classification_report",
    "history_csv",
    "list_runs",
    "read_run",
    "saved_model",
    "times_tested",
    "write_run",
]
