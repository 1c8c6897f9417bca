"""What people read, by code, in English and Korean: sentences for teachers, reasons of a re-plan.

A program decides on the code and shows the sentence. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from worker.errors import SourceFault
from worker.records.job import ReplanReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One sentence in both languages."""

    en: str
    ko: str


# For whoever uploaded the video: what is wrong with the file, and what to do.
TEACHER_MESSAGES: dict[SourceFault, Message] = {
    SourceFault.UNREADABLE: Message(
        en="This file is not a video that can be read. Export it as MP4 and upload it again.",
        ko="이 파일은 읽을 수 있는 영상이 아닙니다. MP4로 내보낸 뒤 다시 올려 주세요.",
    ),
    SourceFault.NO_VIDEO: Message(
        en="This file holds no video. Upload the video file itself.",
        ko="이 파일에는 영상이 없습니다. 영상 파일을 올려 주세요.",
    ),
    SourceFault.AUDIO_ONLY: Message(
        en="This file holds audio but no video. Upload a file with video.",
        ko="이 파일에는 소리만 있고 영상이 없습니다. 영상이 있는 파일을 올려 주세요.",
    ),
    SourceFault.EMPTY: Message(
        en="The video in this file is empty: the upload or the recording broke off at its start."
        " Upload it again.",
        ko="파일 안의 영상이 비어 있습니다. 녹화나 업로드가 시작하자마자 끊겼습니다."
        " 다시 올려 주세요.",
    ),
    SourceFault.TRUNCATED: Message(
        en="The end of this video is missing: the upload or the recording broke off."
        " Upload the whole file again.",
        ko="영상의 뒷부분이 없습니다. 업로드나 녹화가 중간에 끊겼습니다."
        " 파일 전체를 다시 올려 주세요.",
    ),
    SourceFault.DAMAGED: Message(
        en="This video is damaged. Export it again, or upload it again.",
        ko="영상이 손상되었습니다. 다시 내보내거나 다시 올려 주세요.",
    ),
    SourceFault.NO_DECODER: Message(
        en="The format of this video cannot be read here. Export it as MP4 (H.264) and upload"
        " that.",
        ko="여기에서는 읽을 수 없는 형식의 영상입니다. MP4(H.264)로 내보낸 뒤 올려 주세요.",
    ),
    SourceFault.PROTECTED: Message(
        en="This video is copy-protected (DRM). Upload it without protection.",
        ko="복제 방지(DRM)가 걸린 영상입니다. 보호를 푼 파일을 올려 주세요.",
    ),
    SourceFault.TOO_LONG: Message(
        en="This video is too long. Cut it into parts and upload those.",
        ko="영상이 너무 깁니다. 나누어서 올려 주세요.",
    ),
    SourceFault.TOO_LARGE: Message(
        en="This file is too large. Export it at a lower bit rate, or in parts.",
        ko="파일이 너무 큽니다. 비트레이트를 낮추거나 나누어서 올려 주세요.",
    ),
    SourceFault.FRAME_TOO_LARGE: Message(
        en="The image size of this video is too large. Export it smaller.",
        ko="영상의 화면 크기가 너무 큽니다. 더 작은 크기로 내보내 주세요.",
    ),
    SourceFault.TOO_COMPLEX: Message(
        en="This file holds far more tracks or data than a lecture. Export it as MP4 and upload it"
        " again.",
        ko="강의 영상이라고 보기에는 파일의 구성이 지나치게 복잡합니다. MP4로 내보낸 뒤 다시 올려"
        " 주세요.",
    ),
    SourceFault.UNSUPPORTED_COLOR: Message(
        en="The colors of this video cannot be converted. Export it as SDR (BT.709) and upload"
        " that.",
        ko="이 영상의 색상은 변환할 수 없습니다. SDR(BT.709)로 내보낸 뒤 올려 주세요.",
    ),
    SourceFault.BROKEN_TIMESTAMPS: Message(
        en="The recording was joined in a way that cannot be repaired. Export it again as one"
        " video.",
        ko="이어 붙인 녹화를 복구할 수 없습니다. 하나의 영상으로 다시 내보내 주세요.",
    ),
    SourceFault.BAD_SUBTITLES: Message(
        en="The subtitle file cannot be read. Correct it, or save it again as SRT or WebVTT in"
        " UTF-8, and upload it again.",
        ko="자막 파일을 읽을 수 없습니다. 파일을 고치거나 SRT 또는 WebVTT(UTF-8)로 다시 저장한 뒤"
        " 올려 주세요.",
    ),
}

REPLAN_REASONS: dict[ReplanReason, Message] = {
    ReplanReason.TIME_FOR_SLOWER_PRESET: Message(
        en="there is time for a slower preset", ko="더 느린 프리셋을 쓸 시간이 있습니다"
    ),
    ReplanReason.TOO_LATE_AT_THIS_PRESET: Message(
        en="it would end too late at this preset", ko="이 프리셋으로는 너무 늦게 끝납니다"
    ),
    ReplanReason.JUST_IN_TIME_AT_FASTEST: Message(
        en="it may just end in time at the fastest preset",
        ko="가장 빠른 프리셋으로 간신히 시간 안에 끝날 수 있습니다",
    ),
    ReplanReason.TOO_LATE_AT_FASTEST: Message(
        en="it would end too late even at the fastest preset",
        ko="가장 빠른 프리셋으로도 너무 늦게 끝납니다",
    ),
}
