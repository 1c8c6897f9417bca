"""The statistics of a job are bounded, however long it takes."""

from __future__ import annotations

from worker.monitoring.job_stats import JobStats
from worker.records.job import ChoiceRecord, DecisionRecord, ReplanReason


def test_the_record_is_small_however_long_the_job() -> None:
    stats = JobStats()
    choice = ChoiceRecord(preset="faster", rungs=("480p",))
    for i in range(20_000):
        stats.add_progress(i * 0.7, i * 0.5)
        stats.add_decision(
            DecisionRecord(
                at_s=i,
                before=choice,
                after=choice,
                reason=ReplanReason.JUST_IN_TIME_AT_FASTEST,
                needed_s=1,
                remaining_s=1,
            )
        )
        stats.add_warning({"event": "e", "level": "warning", "job_id": "j", "reason": "x" * 999})
    record = stats.record(encode_s=1)
    assert len(record.progress) <= 64
    assert record.progress[0] == (0.0, 0.0)
    assert record.progress[-1][0] > 0.9 * 20_000 * 0.7
    assert len(record.decisions) == 20
    assert record.decisions[-1].at_s == 19_999
    assert len(record.warnings) == 20
    assert record.warnings[0].detail.startswith("reason: xxx")
    assert len(record.warnings[0].detail) == 300
