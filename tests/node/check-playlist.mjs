// Parses playlists with hls-parser in strict mode and prints one JSON line for each.
import { readFileSync } from "node:fs";
import HLS from "hls-parser";

HLS.setOptions({ strictMode: true });

const check = (file) => {
  try {
    const { isMasterPlaylist, variants = [], segments = [] } = HLS.parse(readFileSync(file, "utf8"));
    const duration = segments.reduce((sum, segment) => sum + segment.duration, 0);
    return {
      file,
      ok: true,
      isMasterPlaylist,
      variants: variants.length,
      segments: segments.length,
      duration,
    };
  } catch (error) {
    return { file, ok: false, error: error.message };
  }
};

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("Usage: node check-playlist.mjs FILE...");
  process.exit(64);
}
const results = files.map(check);
for (const result of results) console.log(JSON.stringify(result));
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
