// Plays a published folder through the guard, on a page of another origin, with hls.js and Shaka.
// The assertions are in tests/functional/cdn/test_players.py.
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { SHAKA, TIMEOUT_MS, runTask } from "./launch.mjs";

const HLS = fileURLToPath(new URL("../../worker/preview/player/hls.min.js", import.meta.url));
// The academy's page: of another port, and so of another origin, than the guard. A page that the
// driver made up would not count as local, and Chromium lets only such pages reach loopback.
const academy = createServer((_request, response) => {
  response.writeHead(200, { "content-type": "text/html" });
  response.end("<!doctype html><video muted></video>");
});
await new Promise((resolve) => academy.listen(0, "127.0.0.1", resolve));

// A page with a video and a player's script; `page.answers` is what the guard answered.
const open = async (browser, script, master) => {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  page.answers = [];
  page.on("response", (response) => {
    const url = new URL(response.url());
    if (url.origin !== new URL(master).origin) return;
    page.answers.push({ path: decodeURIComponent(url.pathname), status: response.status() });
  });
  await page.goto(`http://127.0.0.1:${academy.address().port}/`);
  await page.addScriptTag({ path: script });
  await page.evaluate((timeout_ms) => {
    const video = document.querySelector("video");
    window.video = video;
    window.until = async (condition) => {
      const deadline = Date.now() + timeout_ms;
      while (!condition()) {
        if (Date.now() > deadline) throw new Error(`not so in time: ${condition}; ${JSON.stringify(faults)}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    // A player may pause while it fills its buffer, which aborts a play() under way.
    const advance = (isDone) =>
      until(() => {
        if (video.paused && !video.ended) video.play().catch(() => {});
        return isDone();
      });
    window.seek = async (time) => {
      video.currentTime = time;
      await until(() => !video.seeking);
      const landed = video.currentTime;
      await advance(() => video.currentTime > landed + 0.2 || video.ended);
      return landed;
    };
    window.frames = () => video.getVideoPlaybackQuality().totalVideoFrames;
    window.playOn = async (rate) => {
      await seek(0);
      video.playbackRate = rate;
      await advance(() => video.ended);
      return { end: video.currentTime, duration: video.duration, frames: frames() };
    };
  }, TIMEOUT_MS);
  return page;
};

// A student is whoever the API is to give the key to, as a page of the academy says it.
const openHls = async (browser, master, student, config = {}) => {
  const page = await open(browser, HLS, master);
  await page.evaluate(({ source, student, config }) => {
    window.faults = [];
    const xhrSetup = (xhr, url) => {
      if (!student || !new URL(url).pathname.startsWith("/keys/")) return;
      xhr.open("GET", url, true);
      xhr.setRequestHeader("authorization", `Bearer ${student}`);
    };
    window.hls = new Hls({ startLevel: 0, xhrSetup, ...config });
    hls.on(Hls.Events.ERROR, (_event, { details, fatal, response }) =>
      faults.push({ details, fatal, status: response?.code }),
    );
    hls.loadSource(source);
    hls.attachMedia(video);
  }, { source: master, student, config });
  return page;
};

const openShaka = async (browser, master) => {
  const page = await open(browser, SHAKA, master);
  await page.evaluate(async (source) => {
    window.faults = [];
    window.player = new shaka.Player();
    player.addEventListener("error", ({ detail }) => faults.push({ code: detail.code, data: String(detail.data) }));
    // Two segments: I-frames would not be loaded where all of a short clip is buffered.
    player.configure({ streaming: { bufferingGoal: 2 }, abr: { enabled: false } });
    await player.attach(video);
    await player.load(source).catch(({ code, data }) => faults.push({ code, data: String(data) }));
  }, master);
  return page;
};

// What no player loads by itself while it plays: I-frame playlists, a range of a segment, and the
// storyboard's track and sheets.
const loadImages = (page, master, storyboard) =>
  page.evaluate(
    async ({ master, storyboard }) => {
      const read = async (url, headers = {}) => {
        const answer = await fetch(url, { headers });
        return { status: answer.status, text: await answer.text(), url };
      };
      const found = { iframes: [], ranges: [], sheets: [] };
      for (const [, uri] of (await read(master)).text.matchAll(/^#EXT-X-I-FRAME.*URI="([^"]+)"/gm)) {
        const playlist = await read(new URL(uri, master).href);
        found.iframes.push(playlist.status);
        const [, length, offset, name] = /BYTERANGE:(\d+)@(\d+)\n(.+)/.exec(playlist.text);
        const range = `bytes=${offset}-${Number(offset) + Number(length) - 1}`;
        found.ranges.push((await read(new URL(name, playlist.url).href, { range })).status);
      }
      const track = await read(storyboard);
      found.storyboard = track.status;
      for (const [uri] of track.text.matchAll(/^\S+#xywh=\S+$/gm)) {
        const image = new Image();
        image.src = new URL(uri, storyboard).href;
        await image.decode();
        found.sheets.push(image.naturalWidth);
      }
      return found;
    },
    { master, storyboard },
  );

const playThrough = async (page, rate) => {
  const found = await page.evaluate(async (rate) => {
    // All faults of Shaka are fatal.
    const isOver = () => faults.some(({ fatal = true }) => fatal);
    await until(() => video.readyState >= 3 || isOver());
    return { ...(isOver() ? {} : await playOn(rate)), faults };
  }, rate);
  return { ...found, answers: page.answers };
};

// Begins, waits until the master playlist has more rungs than the player was given, and plays on to
// the end with what it has; then loads the playlist again. `after` is what it loaded after that.
const playAcross = async (page, { master, rungs, rate }, load) => {
  const before = await page.evaluate(
    async ({ master, rungs }) => {
      await until(() => video.readyState >= 3 || faults.length > 0);
      const count = async () =>
        (await (await fetch(master, { cache: "no-store" })).text()).match(/RESOLUTION=.*\n[^#]/g).length;
      const before = await count();
      while ((await count()) < rungs) await new Promise((resolve) => setTimeout(resolve, 100));
      return before;
    },
    { master, rungs },
  );
  const known = page.answers.length;
  const played = await page.evaluate(async (rate) => ({ ...(await playOn(rate)), faults }), rate);
  const after = page.answers.slice(known).map(({ path }) => path);
  const heights = await page.evaluate(load, master);
  return { before, ...played, after, heights, answers: page.answers };
};

const tasks = {
  async hlsAcross(browser, options) {
    const few = { maxBufferLength: 2, maxMaxBufferLength: 2 };
    const page = await openHls(browser, options.master, undefined, few);
    return playAcross(page, options, async (master) => {
      hls.loadSource(`${master}?again`);
      await until(() => hls.url.endsWith("?again") && hls.levels.length > 1);
      return hls.levels.map(({ height }) => height).filter(Boolean);
    });
  },

  async shakaAcross(browser, options) {
    return playAcross(await openShaka(browser, options.master), options, async (master) => {
      await player.load(`${master}?again`);
      return player.getVariantTracks().map(({ height }) => height).filter(Boolean);
    });
  },

  async hls(browser, { master, storyboard, times, rate, student }) {
    const page = await openHls(browser, master, student);
    const found = await page.evaluate(
      async ({ times, rate }) => {
        await until(() => video.readyState >= 3 || faults.some(({ fatal }) => fatal));
        if (video.readyState < 3) return { faults };
        hls.subtitleTrack = 0;
        const reached = [];
        for (const time of times) reached.push(await seek(time));
        const shown = [];
        const heights = hls.levels.map(({ height }) => height).filter(Boolean);
        for (const height of [...heights, ...heights.reverse()]) {
          // At its end a video shows the frame that it has.
          await seek(0);
          hls.currentLevel = hls.levels.findIndex((level) => level.height === height);
          await until(() => video.videoHeight === height);
          shown.push(height);
        }
        hls.currentLevel = -1;
        const cues = video.textTracks[0];
        const played = await playOn(rate);
        const texts = [...(cues?.cues ?? [])].map(({ text }) => text);
        return { reached, shown, cues: texts.length, texts, ...played, faults };
      },
      { times, rate },
    );
    const images = await loadImages(page, master, storyboard);
    return { ...found, ...images, answers: page.answers };
  },

  async shaka(browser, { master, storyboard, times, rate }) {
    const page = await openShaka(browser, master);
    const found = await page.evaluate(
      async ({ storyboard, times, rate }) => {
        // Until then a player may still set its own start.
        await until(() => video.readyState >= 3 || faults.length > 0);
        if (faults.length > 0) return { faults };
        const reached = [];
        for (const time of times) reached.push(await seek(time));
        const shown = [];
        for (const track of player.getVariantTracks().filter(({ height }) => height)) {
          await seek(0);
          player.selectVariantTrack(track, true);
          await until(() => video.videoHeight === track.height);
          shown.push(track.height);
        }
        const { id } = await player.addThumbnailsTrack(storyboard);
        const { uris } = await player.getThumbnails(id, times[0]);
        const played = await playOn(rate);
        // By I-frame playlists, each frame a range of a segment.
        let ranges = 0;
        player.getNetworkingEngine().registerResponseFilter((_type, { originalRequest }) => {
          ranges += Number("Range" in originalRequest.headers);
        });
        await seek(0);
        player.trickPlay(8);
        await until(() => ranges > 0 || video.ended);
        return { reached, shown, thumbnail: uris[0], ...played, faults };
      },
      { storyboard, times, rate },
    );
    return { ...found, answers: page.answers };
  },

  // From start to end, without a seek or a change of rung.
  async hlsPlay(browser, { master, rate }) {
    return playThrough(await openHls(browser, master), rate);
  },

  async shakaPlay(browser, { master, rate }) {
    return playThrough(await openShaka(browser, master), rate);
  },

  // Whether anything plays: until it does, or the player gives up.
  async hlsAttempt(browser, { master, student }) {
    const page = await openHls(browser, master, student);
    await page.evaluate(async () => {
      video.play().catch(() => {});
      await until(() => video.currentTime > 1 || faults.some(({ fatal }) => fatal));
    });
    const played = await page.evaluate(() => ({ time: video.currentTime, frames: frames(), faults }));
    return { ...played, answers: page.answers };
  },

  async shakaAttempt(browser, { master }) {
    const page = await openShaka(browser, master);
    await page.evaluate(async () => {
      video.play().catch(() => {});
      await until(() => video.currentTime > 1 || faults.length > 0);
    });
    const played = await page.evaluate(() => ({ time: video.currentTime, frames: frames(), faults }));
    return { ...played, answers: page.answers };
  },
};

await runTask(tasks);
academy.close();
