// Headless Chromium for the drivers of this folder: runs the task that the JSON on stdin names, and
// prints what it returns as JSON. The assertions are in tests/functional.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const SHAKA = fileURLToPath(
  new URL("node_modules/shaka-player/dist/shaka-player.compiled.js", import.meta.url),
);
// Against a hang; not a measure of speed.
export const TIMEOUT_MS = 240_000;
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update",
  "--autoplay-policy=no-user-gesture-required", "--mute-audio",
];

export const runTask = async (tasks) => {
  let input = "";
  for await (const piece of process.stdin) input += piece;
  const { executable, task, ...options } = JSON.parse(input);
  if (!existsSync(executable)) {
    console.error(`no browser at ${executable}`);
    process.exit(78);
  }
  const browser = await chromium.launch({ executablePath: executable, args: FLAGS });
  try {
    console.log(JSON.stringify(await tasks[task](browser, options)));
  } finally {
    await browser.close();
  }
};
