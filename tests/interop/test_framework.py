"""What bringing up the framework changes in the process, and what it leaves to the processes that this one starts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from archscope.interop.framework import settings


def run(code: str, **environment: str) -> str:
    """What `code` prints in a fresh process."""
    inherited = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=inherited | environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize(("given", "expected"), [({}, "None True"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "0 False")])
def test_faster_kernels_here_and_the_users_own_setting_in_child_processes(given: dict[str, str], expected: str) -> None:
    code = """
import os
from archscope.interop.framework import load_framework
load_framework()
from tensorflow.python.framework.test_util import IsMklEnabled
print(os.environ.get("TF_ENABLE_ONEDNN_OPTS"), IsMklEnabled())
"""
    assert run(code, **given) == expected


@pytest.mark.parametrize(
    ("beside", "given", "expected"),
    [(1, None, None), (2, None, "4"), (3, None, "2"), (99, None, "1"), (2, "3", "3")],
)
def test_operators_get_their_share_of_eight_cores(
    beside: int, given: str | None, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archscope.interop.framework.usable_cpus", lambda: 8)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    if given:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", given)
    with settings(beside):
        assert os.environ.get("TF_NUM_INTRAOP_THREADS") == expected
    assert os.environ.get("TF_NUM_INTRAOP_THREADS") == given


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="malloc settings are glibc's")
def test_freed_memory_is_not_faulted_in_again() -> None:
    code = """
import resource
import numpy as np
from archscope.interop.memory import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        np.ones(64 * 2**20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

assert keep_memory()
np.ones(64 * 2**20, np.uint8)
print(faults())
"""
    assert int(run(code)) < 50  # without it every page (or huge page) is faulted in five times


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from archscope.interop.memory import keep_memory

    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_memory()
