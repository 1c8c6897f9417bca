// Drives headless Chromium over a preview.
// The assertions are in tests/functional/preview/test_browser.py.
import { SHAKA, TIMEOUT_MS, runTask } from "./launch.mjs";

const DESKTOP = { width: 1280, height: 900 };

const report = async (page) => ({
  faults: await page.evaluate(() => preview.faults),
  duration: await page.evaluate(() => preview.video.duration),
});

// Opens the page and waits until its player knows what there is to play.
const open = async (browser, url, options = {}) => {
  const context = await browser.newContext({ viewport: DESKTOP, locale: "en-US", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  page.errors = [];
  page.foreignRequests = [];
  page.on("console", (message) => message.type() === "error" && page.errors.push(message.text()));
  page.on("pageerror", (error) => page.errors.push(String(error)));
  page.on("request", (request) => {
    const requested = new URL(request.url());
    if (!["data:", "blob:"].includes(requested.protocol) && requested.origin !== new URL(url).origin) {
      page.foreignRequests.push(request.url());
    }
  });
  await page.goto(url);
  await page.waitForFunction(() => document.querySelector("#rung").options.length > 1);
  await page.waitForFunction(() => preview.video.readyState >= 3);
  return page;
};

// Plays to the end, and returns the ranges of time that were played.
const playOn = (page, rate) =>
  page.evaluate(async (rate) => {
    const { video } = preview;
    const ended = new Promise((resolve) => video.addEventListener("ended", resolve, { once: true }));
    video.playbackRate = rate;
    await video.play();
    await ended;
    const ranges = [...Array(video.played.length).keys()];
    return {
      end: video.currentTime,
      played: ranges.map((i) => [video.played.start(i), video.played.end(i)]),
    };
  }, rate);

// The color of the frame's corner at each time.
const corners = (page, times) =>
  page.evaluate(async (times) => {
    const { video } = preview;
    const canvas = document.createElement("canvas");
    const drawing = canvas.getContext("2d", { willReadFrequently: true });
    const seen = [];
    for (const time of times) {
      const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      const seeked = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
      video.currentTime = time;
      await seeked;
      await shown;
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      drawing.drawImage(video, 0, 0);
      const [x, y] = [canvas.width >> 3, canvas.height >> 3];
      seen.push([...drawing.getImageData(x, y, 1, 1).data].slice(0, 3));
    }
    return seen;
  }, times);

const select = (page, value) => page.selectOption("#rung", value);
const rungs = (page) => page.$$eval("#rung option", (options) => options.map((o) => o.value));

const loaded = (page) =>
  page.evaluate(() => {
    preview.levels = new Set();
    preview.hls.on(Hls.Events.FRAG_BUFFERED, (_event, { frag }) => {
      if (frag.type === "main") preview.levels.add(frag.level);
    });
  });
const levels = (page) => page.evaluate(() => [...preview.levels]);

const tasks = {
  // Every rung, alone, from start to end.
  async rungs(browser, { url, rate, times }) {
    const page = await open(browser, url);
    const values = (await rungs(page)).filter((value) => /^\d+$/.test(value));
    await page.context().close();
    const found = {};
    for (const value of values) {
      const own = await open(browser, url);
      await select(own, value);
      await own.waitForFunction((level) => preview.hls.currentLevel === level, Number(value));
      // From here on, what is buffered is of this rung alone.
      await loaded(own);
      const { height } = await own.evaluate((level) => preview.hls.levels[level], Number(value));
      const played = await playOn(own, rate);
      const shown = await own.evaluate(() => preview.video.videoHeight);
      const colors = await corners(own, times);
      found[value] = { height, shown, colors, levels: await levels(own), ...played, ...(await report(own)) };
      await own.context().close();
    }
    return found;
  },

  // The page as it is, to the end, across the change of preset; hls.js selects the rung.
  async whole(browser, { url, rate }) {
    const page = await open(browser, url);
    const played = await playOn(page, rate);
    return { ...played, ...(await report(page)), errors: page.errors, foreignRequests: page.foreignRequests };
  },

  async seeks(browser, { url, times }) {
    const page = await open(browser, url);
    await page.evaluate(() => preview.video.play());
    const reached = [];
    for (const time of times) {
      reached.push(
        await page.evaluate(async (time) => {
          const { video } = preview;
          const seeked = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
          video.currentTime = time;
          await seeked;
          const landed = video.currentTime;
          // It continues to play from there.
          await new Promise((resolve) => {
            const check = () => (video.currentTime > landed + 0.2 || video.ended ? resolve() : setTimeout(check, 20));
            check();
          });
          if (video.ended) await video.play();
          return landed;
        }, time),
      );
    }
    return { reached, ...(await report(page)) };
  },

  // Selects rungs, up and down, while it plays.
  async switches(browser, { url, values }) {
    const page = await open(browser, url);
    await page.evaluate(() => preview.video.play());
    const shown = [];
    for (const value of values) {
      await select(page, value);
      const height = await page.evaluate((level) => preview.hls.levels[level].height, Number(value));
      await page.waitForFunction((height) => preview.video.videoHeight === height, height);
      const before = await page.evaluate(() => preview.video.currentTime);
      await page.waitForFunction((before) => preview.video.currentTime > before + 0.1, before);
      shown.push(height);
    }
    return { shown, ...(await report(page)) };
  },

  // The audio alone, from the page's own list, and back.
  async audio(browser, { url, rate }) {
    const page = await open(browser, url);
    await select(page, "audio");
    await page.waitForFunction(() => preview.hls.url.includes("/audio/index.") && preview.video.readyState >= 3);
    await page.evaluate(() => { preview.video.currentTime = 0; });
    const played = await playOn(page, rate);
    const { faults, duration } = await report(page);
    const height = await page.evaluate(() => preview.video.videoHeight);
    await select(page, "auto");
    await page.waitForFunction(() => preview.hls.url.endsWith("/master.m3u8") && preview.video.videoHeight > 0);
    return { ...played, faults, duration, height, back: await page.evaluate(() => preview.faults) };
  },

  // What the storyboard shows when the pointer is over these times.
  async storyboard(browser, { url, times }) {
    const page = await open(browser, url);
    await page.waitForFunction(() => preview.cues.length > 0);
    const box = await page.locator("#seek").boundingBox();
    const duration = await page.evaluate(() => Number(document.querySelector(".player").dataset.duration));
    const seen = [];
    for (const time of times) {
      await page.mouse.move(box.x + (time / duration) * box.width, box.y + box.height / 2);
      await page.waitForFunction(() => !document.querySelector(".board").hidden);
      // The sheet may still be on its way.
      await page.waitForLoadState("networkidle");
      const tile = page.locator(".tile");
      const style = await tile.evaluate((element) => {
        const { backgroundPosition, backgroundImage, width, height } = getComputedStyle(element);
        return { position: backgroundPosition, image: backgroundImage, width, height };
      });
      const image = (await tile.screenshot()).toString("base64");
      seen.push({ time, ...style, color: await middle(page, image) });
    }
    return { seen, ...(await report(page)) };
  },

  async chapters(browser, { url }) {
    const page = await open(browser, url);
    const found = [];
    for (const button of await page.locator("[data-seek]").all()) {
      await button.click();
      await page.waitForFunction(() => !preview.video.seeking);
      found.push({ text: await button.innerText(), at: await page.evaluate(() => preview.video.currentTime) });
    }
    return { found, thumbnails: await page.locator(".thumbnails img").count() };
  },

  // The page's texts in each language, and whether a phone must scroll sideways.
  async languages(browser, { url }) {
    const found = {};
    for (const locale of ["en-US", "ko-KR"]) {
      const page = await open(browser, url, { locale, viewport: { width: 360, height: 740 } });
      const read = async () => ({
        headings: (await page.locator("h2").allInnerTexts()).map((text) => text.trim()),
        auto: await page.locator("#rung option").first().innerText(),
      });
      const first = await read();
      await page.click("#language");
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      found[locale] = { first, toggled: await read(), overflow, errors: page.errors };
    }
    return found;
  },

  // The report that needs no server.
  async report(browser, { file }) {
    const context = await browser.newContext({ viewport: DESKTOP, locale: "en-US" });
    const page = await context.newPage();
    const errors = [];
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`file://${file}`);
    const before = await page.locator("h2").first().innerText();
    await page.click("#language");
    const after = await page.locator("h2").first().innerText();
    const line = page.locator(".plot .line").first();
    return {
      errors, before, after,
      plots: await page.locator(".plot").count(),
      stroke: await line.evaluate((element) => getComputedStyle(element).stroke),
      thumbnail: await page.locator("img.thumbnail").evaluate((image) => image.naturalWidth),
    };
  },

  // Another player, on the same files.
  async shaka(browser, { url, rate }) {
    const context = await browser.newContext({ bypassCSP: true });
    const page = await context.newPage();
    page.setDefaultTimeout(TIMEOUT_MS);
    await page.route("**/shaka", (route) =>
      route.fulfill({ contentType: "text/html", body: "<!doctype html><video></video>" }),
    );
    await page.goto(new URL("shaka", url).href);
    await page.addScriptTag({ path: SHAKA });
    return await page.evaluate(
      async ({ source, rate }) => {
        const video = document.querySelector("video");
        const player = new shaka.Player();
        const faults = [];
        player.addEventListener("error", ({ detail }) => faults.push({ code: detail.code, severity: detail.severity }));
        await player.attach(video);
        await player.load(source);
        const tracks = player.getVariantTracks().map(({ height, audioCodec }) => ({ height, audioCodec }));
        const ended = new Promise((resolve) => video.addEventListener("ended", resolve, { once: true }));
        // The player itself may pause while it fills its buffer, which aborts a play() under way.
        while (video.paused && !video.ended) {
          await video.play().catch((error) => {
            if (error.name !== "AbortError") throw error;
          });
        }
        video.playbackRate = rate;
        await ended;
        return { faults, tracks, end: video.currentTime, duration: video.duration };
      },
      { source: new URL("media/master.m3u8", url).href, rate },
    );
  },

  async shots(browser, { url, shots }) {
    for (const { path, locale, width, height, at, hover, scheme } of shots) {
      const page = await open(browser, url, { locale, viewport: { width, height }, colorScheme: scheme });
      await page.evaluate((at) => { preview.video.currentTime = at; }, at);
      await page.waitForFunction(() => !preview.video.seeking && preview.video.readyState >= 3);
      if (hover) {
        const box = await page.locator("#seek").boundingBox();
        await page.mouse.move(box.x + hover * box.width, box.y + box.height / 2);
        await page.waitForLoadState("networkidle");
      }
      await page.screenshot({ path, type: "jpeg", quality: 72, fullPage: height === 740 });
      await page.context().close();
    }
    return {};
  },
};

// The color in the middle of a PNG, read by the browser itself on a page without a policy.
const middle = async (page, png) => {
  const context = await page.context().browser().newContext();
  const blank = await context.newPage();
  const color = await blank.evaluate(async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    const drawing = canvas.getContext("2d");
    drawing.drawImage(image, 0, 0);
    return [...drawing.getImageData(image.width >> 1, image.height >> 1, 1, 1).data].slice(0, 3);
  }, `data:image/png;base64,${png}`);
  await context.close();
  return color;
};

await runTask(tasks);
