"""What a finished run is: its record, and the folder it lives in. Values only; nothing here trains or draws."""

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

__all__ = [
    "SCHEMA_VERSION",
    "ClassScore",
    "DataRecord",
    "EpochRecord",
    "LatencyRecord",
    "NetworkRecord",
    "Run",
    "Scores",
]
