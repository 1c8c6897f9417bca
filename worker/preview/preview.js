// The preview's player: hls.js, a seek bar with the storyboard's images, rungs to switch between.
"use strict";

const find = (selector) => document.querySelector(selector);
const player = find(".player");
const video = find("video");
const seek = find("#seek");
const rung = find("#rung");
const text = find("#text");
const { master, audio, storyboard } = player.dataset;
const duration = Number(player.dataset.duration);
const AUTO = "auto";
const AUDIO_ONLY = "audio";
const NARROWEST_TILE = 80;

// For the console, and for the tests in a browser.
const preview = { video, hls: null, faults: [], cues: [] };
window.preview = preview;

const clock = (seconds) => {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
};

// An option's text is in one language only, so both are made and renamed when the language changes.
const word = (name) => {
  const spoken = find(`#word-${name}`).content.querySelector(
    document.documentElement.lang === "ko" ? ".ko" : ".en",
  );
  return spoken.textContent;
};
const addOption = (select, value, label, name = "") => {
  const option = new Option(label, value);
  option.dataset.word = name;
  select.append(option);
};
new MutationObserver(() => {
  for (const option of document.querySelectorAll("option[data-word]:not([data-word=''])")) {
    option.textContent = word(option.dataset.word);
  }
}).observe(document.documentElement, { attributeFilter: ["lang"] });

// --- The player ---------------------------------------------------------------------------------

const fail = (said) => {
  find("#said").textContent = said;
  find("#failed").hidden = false;
};

// Of audio alone the one variant has no size.
const hasVideo = ({ height }) => height > 0;
const nameOf = ({ name, height, width, bitrate }) =>
  `${name || (height ? `${Math.min(width, height)}p` : "?")} (${(bitrate / 1e6).toFixed(2)} Mb/s)`;

const listRungs = (levels) => {
  const chosen = rung.value || AUTO;
  rung.replaceChildren();
  addOption(rung, AUTO, word("auto"), "auto");
  // hls.js sorts them by bit rate; the largest is wanted first.
  for (const i of [...levels.keys()].reverse()) {
    if (hasVideo(levels[i])) addOption(rung, String(i), nameOf(levels[i]));
    else addOption(rung, String(i), word("audio"), "audio");
  }
  if (audio && levels.some(hasVideo)) addOption(rung, AUDIO_ONLY, word("audio"), "audio");
  rung.value = chosen;
};

const listTexts = (tracks) => {
  text.replaceChildren();
  addOption(text, "-1", word("off"), "off");
  for (const [i, track] of tracks.entries()) addOption(text, String(i), track.name);
  text.value = "-1";
  find("#texts").hidden = tracks.length === 0;
};

const start = (source, at = 0) => {
  preview.hls?.destroy();
  // 30 s ahead is enough here, and lets a rung be judged from its own start.
  const hls = new Hls({ startPosition: at, maxBufferLength: 30 });
  preview.hls = hls;
  hls.on(Hls.Events.ERROR, (_event, { type, details, fatal, error, frag }) => {
    preview.faults.push({ type, details, fatal, said: error?.message, at: frag?.start, sn: frag?.sn, level: frag?.type });
    find("#faults").textContent = preview.faults.length;
    if (fatal) fail(`${details}: ${error?.message ?? ""}`);
  });
  hls.on(Hls.Events.MANIFEST_PARSED, (_event, { levels }) => {
    if (source === master) listRungs(levels);
  });
  hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, (_event, { subtitleTracks }) => listTexts(subtitleTracks));
  hls.on(Hls.Events.LEVEL_SWITCHED, (_event, { level }) => {
    find("#level").textContent = source === master && hasVideo(hls.levels[level]) ? nameOf(hls.levels[level]) : word("audio");
  });
  hls.loadSource(source);
  hls.attachMedia(video);
};

const choose = (value) => {
  const { hls } = preview;
  const playsAudio = hls.url.endsWith(audio) && audio !== "";
  if (value === AUDIO_ONLY || playsAudio) {
    // hls.js leaves out a variant without video where others have video; it is opened by itself.
    const wasPlaying = !video.paused;
    start(value === AUDIO_ONLY ? audio : master, video.currentTime);
    if (wasPlaying) preview.hls.once(Hls.Events.MANIFEST_PARSED, () => video.play());
    if (value !== AUDIO_ONLY && value !== AUTO) {
      preview.hls.once(Hls.Events.MANIFEST_PARSED, () => choose(value));
    }
    return;
  }
  hls.currentLevel = value === AUTO ? -1 : Number(value);
};

if (find("#locked")) {
  // The page says why: the video is encrypted, and the preview has no key.
} else if (window.Hls?.isSupported()) {
  start(master);
} else if (video.canPlayType("application/vnd.apple.mpegurl")) {
  // Safari on a phone plays HLS by itself, and chooses the rung by itself.
  video.src = master;
  addOption(rung, AUTO, word("auto"), "auto");
} else {
  fail("Media Source Extensions");
}

// --- The bar ------------------------------------------------------------------------------------

const toggle = () => (video.paused ? video.play() : video.pause());
find("#play").addEventListener("click", toggle);
video.addEventListener("click", toggle);
find("#mute").addEventListener("click", () => {
  video.muted = !video.muted;
});
find("#full").addEventListener("click", () =>
  document.fullscreenElement ? document.exitFullscreen() : player.requestFullscreen?.(),
);
rung.addEventListener("change", () => choose(rung.value));
text.addEventListener("change", () => {
  preview.hls.subtitleTrack = Number(text.value);
  preview.hls.subtitleDisplay = text.value !== "-1";
});
for (const name of ["play", "pause", "ended"]) {
  video.addEventListener(name, () => player.classList.toggle("is-playing", !video.paused));
}
video.addEventListener("volumechange", () => player.classList.toggle("is-muted", video.muted));

const chapters = [...document.querySelectorAll("[data-seek]")];
for (const chapter of chapters) {
  chapter.addEventListener("click", () => {
    video.currentTime = Number(chapter.dataset.seek);
  });
}
for (const tick of document.querySelectorAll(".ticks i")) {
  tick.style.left = `${(100 * Number(tick.dataset.at)) / duration}%`;
}

let isDragging = false;
video.addEventListener("timeupdate", () => {
  const now = video.currentTime;
  find("#now").textContent = clock(now);
  if (!isDragging) seek.value = now;
  const current = chapters.findLast((chapter) => Number(chapter.dataset.seek) <= now + 0.05);
  for (const chapter of chapters) chapter.classList.toggle("is-now", chapter === current);
});
seek.addEventListener("input", () => {
  video.currentTime = Number(seek.value);
});

// --- The storyboard -----------------------------------------------------------------------------

const seconds = (stamp) => stamp.split(":").reduce((sum, part) => 60 * sum + Number(part), 0);

// A track of images: each cue's text is sheet.jpg#xywh=x,y,w,h, relative to the track.
const readCues = (track, base) =>
  [...track.matchAll(/^([\d:.]+)[ \t]+-->[ \t]+([\d:.]+).*\r?\n(.+)$/gm)].flatMap(
    ([, from, to, target]) => {
      const url = new URL(target.trim(), base);
      const [x, y, w, h] = (/xywh=(?:pixel:)?([\d,]+)/.exec(url.hash)?.[1] ?? "").split(",").map(Number);
      return h ? [{ from: seconds(from), to: seconds(to), src: url.pathname, x, y, w, h }] : [];
    },
  );

if (storyboard) {
  const base = new URL(storyboard, location.href);
  fetch(base)
    .then((answer) => (answer.ok ? answer.text() : ""))
    .then((track) => {
      preview.cues = readCues(track, base);
    })
    .catch(() => {}); // The seek bar then shows times alone.
}

const board = find(".board");
const tile = find(".tile");
const showBoard = (at) => {
  const cue = preview.cues.findLast(({ from }) => from <= at) ?? preview.cues[0];
  find(".when").textContent = clock(at);
  board.hidden = false;
  if (cue) {
    tile.style.width = `${cue.w}px`;
    tile.style.height = `${cue.h}px`;
    tile.style.backgroundImage = `url("${cue.src}")`;
    tile.style.backgroundPosition = `-${cue.x}px -${cue.y}px`;
    // On a narrow screen a third of the width is enough.
    tile.style.zoom = Math.min(1, Math.max(NARROWEST_TILE, seek.clientWidth / 3) / cue.w);
  }
  const left = (at / duration) * seek.clientWidth - board.offsetWidth / 2;
  board.style.left = `${Math.max(0, Math.min(left, seek.clientWidth - board.offsetWidth))}px`;
};
seek.addEventListener("pointermove", (event) => {
  const share = (event.clientX - seek.getBoundingClientRect().left) / seek.clientWidth;
  showBoard(Math.min(Math.max(share, 0), 1) * duration);
});
seek.addEventListener("pointerdown", () => {
  isDragging = true;
});
for (const name of ["pointerup", "pointercancel", "pointerleave"]) {
  seek.addEventListener(name, () => {
    if (name !== "pointerleave" || !isDragging) board.hidden = true;
    if (name !== "pointerleave") isDragging = false;
  });
}
seek.addEventListener("blur", () => {
  board.hidden = true;
});
