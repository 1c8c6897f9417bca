"""Inputs of FFmpeg that generate a moving video and a tone, for uploads of many kinds."""

from __future__ import annotations

# What these uploads show depends neither on the preset nor on the rung.
FAST = ("--preset", "superfast")
SMALL = (*FAST, "--ladder", "180")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25")


def video(seconds: int, *, size: str = "320x180", rate: int = 25) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}")


def tone(seconds: int, *, hertz: int = 440, layout: str = "mono") -> tuple[str, ...]:
    """A sine in each channel, at a quarter of full scale."""
    expression = "|".join(
        [f"0.25*sin(2*PI*{hertz}*t)"] * {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    )
    graph = f"aevalsrc='{expression}':c={layout}:s=48000:d={seconds}"
    return ("-f", "lavfi", "-i", graph)
