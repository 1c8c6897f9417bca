"""The texts of pages, in English and Korean: one table. Both are written; the page shows one.

Reasons of a re-plan are in `worker.messages`. Pure.
"""

from __future__ import annotations

from html import escape

from worker.messages import REPLAN_REASONS
from worker.records.job import ReplanReason

# Why the preview does not play an encrypted video.
KEY_MISSING, KEY_OF_OTHER_SECRET = "key_missing", "key_of_other_secret"

PAGE_TEXTS: dict[str, tuple[str, str]] = {
    "report": ("Report", "보고서"),
    "player": ("Player", "플레이어"),
    "language": ("한국어", "English"),
    "published": ("Published", "게시"),
    "length": ("Length", "길이"),
    "size": ("Size", "크기"),
    "run": ("Run", "실행"),
    "clip": ("Clip", "잘라 낸 구간"),
    "end": ("the end", "끝"),
    "parts": ("Files that are joined", "이어 붙인 파일"),
    "file": ("File", "파일"),
    "begins": ("Begins at", "시작"),
    "left_out": ("left out by the clip", "구간에 들지 않음"),
    "encryption": ("Encrypted", "암호화"),
    KEY_MISSING: (
        "It is encrypted: start the preview with its secret in WORKER_KEY_SECRET to play it.",
        "암호화된 영상입니다. 재생하려면 미리보기에 WORKER_KEY_SECRET으로 비밀 값을 주세요.",
    ),
    KEY_OF_OTHER_SECRET: (
        "It is encrypted with another secret than the one in WORKER_KEY_SECRET.",
        "WORKER_KEY_SECRET과 다른 비밀 값으로 암호화된 영상이라 재생할 수 없습니다.",
    ),
    "rungs": ("What is published", "게시된 화질"),
    "rung": ("Rung", "화질"),
    "size_px": ("Size in pixels", "화면 크기"),
    "codec": ("Codec", "코덱"),
    "average": ("Average", "평균"),
    "peak": ("Peak", "최고"),
    "segments": ("Segments", "세그먼트"),
    "audio": ("Audio", "소리"),
    "subtitles": ("Subtitles", "자막"),
    "off": ("Off", "끄기"),
    "missing": (
        "Left out for lack of time, or still to come; the same job submitted again adds",
        "시간이 모자라 빠졌거나 아직 만들고 있는 화질 (같은 작업을 다시 제출하면 추가됩니다)",
    ),
    "rates": ("Bit rate over time", "시간에 따른 비트레이트"),
    "no_rates": (
        "The run's checkpoint.json is missing, so bit rates over time are not known.",
        "실행 폴더에 checkpoint.json이 없어 세그먼트별 정보를 알 수 없습니다.",
    ),
    "presets": ("Presets, over the video's time", "프리셋 (영상 시간 기준)"),
    "unknown": ("not known", "알 수 없음"),
    "job": ("The job that published it", "게시한 작업"),
    "encode_time": ("Encoding took", "인코딩 시간"),
    "speed": ("Speed", "속도"),
    "real_time": ("times real time", "배속"),
    "resumed": ("Segments taken from earlier jobs", "이전 작업에서 이어받은 세그먼트"),
    "speeds": ("Speed over the job's time", "작업 시간에 따른 속도"),
    "replans": ("Changes of plan", "계획 변경"),
    "no_replans": ("The plan was kept.", "계획이 바뀌지 않았습니다."),
    "at": ("At", "시점"),
    "before": ("Before", "변경 전"),
    "after": ("After", "변경 후"),
    "reason": ("Reason", "이유"),
    "needed": ("Needed", "필요한 시간"),
    "remaining": ("Left", "남은 시간"),
    "warnings": ("Warnings", "경고"),
    "no_warnings": ("None.", "없습니다."),
    "compare": ("Source and output", "원본과 결과"),
    "source": ("Source", "원본"),
    "output": ("Output", "결과"),
    "container": ("Container", "컨테이너"),
    "frame_rate": ("Frames per second", "초당 프레임"),
    "color": ("Colors", "색상"),
    "rotation": ("Rotation", "회전"),
    "interlaced": ("interlaced", "비월 주사"),
    "none": ("none", "없음"),
    "chapters": ("Chapters", "챕터"),
    "thumbnails": ("Thumbnails to choose from", "선택할 수 있는 썸네일"),
    "download": ("Download", "내려받기 파일"),
    "thumbnail": ("Thumbnail", "썸네일"),
    "auto": ("Auto", "자동"),
    "audio_only": ("Audio only", "소리만"),
    "play": ("Play", "재생"),
    "pause": ("Pause", "일시정지"),
    "mute": ("Mute", "음소거"),
    "unmute": ("Unmute", "음소거 해제"),
    "full": ("Full screen", "전체 화면"),
    "seek": ("Position", "재생 위치"),
    "failed": (
        "It cannot be played. The player's last message:",
        "재생할 수 없습니다. 플레이어의 마지막 메시지:",
    ),
    "plays_now": ("Plays now", "재생 중인 화질"),
    "faults": ("Errors that the player recovered from", "플레이어가 복구한 오류"),
}


def say(key: str) -> str:
    """Return a text as HTML in both languages."""
    return both(*PAGE_TEXTS[key])


def both(english: str, korean: str) -> str:
    """Return a text as HTML in both languages."""
    return (
        f'<span class="en" lang="en">{escape(english)}</span>'
        f'<span class="ko" lang="ko">{escape(korean)}</span>'
    )


def say_reason(reason: ReplanReason) -> str:
    """Return the reason of a re-plan as HTML in both languages."""
    message = REPLAN_REASONS[reason]
    return both(message.en, message.ko)
