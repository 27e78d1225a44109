"""What a finished run is: its record, and the folder it lives in. Values only; nothing here trains or draws."""

from archscope.runs.classification import classification_report
from archscope.runs.predictions import Predictions, confusion, read_predictions, write_predictions
from archscope.runs.record import (
    SCHEMA_VERSION,
    ClassScore,
    DataRecord,
    EpochRecord,
    LatencyRecord,
    NetworkRecord,
    Run,
    Scores,
    TeacherRecord,
    WeightsRecord,
)
from archscope.runs.store import RUN_FILE, history_csv, read_run, saved_model, times_tested, write_run

__all__ = [
    "RUN_FILE",
    "SCHEMA_VERSION",
    "ClassScore",
    "DataRecord",
    "EpochRecord",
    "LatencyRecord",
    "NetworkRecord",
    "Predictions",
    "Run",
    "Scores",
    "TeacherRecord",
    "WeightsRecord",
    "classification_report",
    "confusion",
    "history_csv",
    "read_predictions",
    "read_run",
    "saved_model",
    "times_tested",
    "write_predictions",
    "write_run",
]
