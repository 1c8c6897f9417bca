// What Cloudflare's runtime gives a Worker, for tests: an R2 bucket over a folder, and a cache.
import { createHash, webcrypto } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";

// Node 18 has it under another name.
globalThis.crypto ??= webcrypto;

// As worker/layout.py has it.
const cacheControl = (key) =>
  /\.[0-9a-f]{8}\.\w+$/.test(key) ? "public, max-age=31536000, immutable" : "no-cache";
const dispositionOf = (key) =>
  /\/download\.\w+\.mp4$/.test(key) ? 'attachment; filename="talk.mp4"' : undefined;

export class FolderBucket {
  constructor(folder) {
    this.folder = folder;
    this.reads = [];
  }

  async head(key) {
    const path = join(this.folder, key);
    const found = await stat(path).catch(() => null);
    if (!found?.isFile()) return null;
    return {
      size: found.size,
      httpEtag: `"${createHash("md5").update(await readFile(path)).digest("hex")}"`,
      uploaded: found.mtime,
      httpMetadata: { cacheControl: cacheControl(key), contentDisposition: dispositionOf(key) },
    };
  }

  async get(key, { range } = {}) {
    this.reads.push(key);
    const found = await this.head(key);
    if (!found) return null;
    const { offset = 0, length = found.size } = range ?? {};
    if (range && offset >= found.size) throw new Error("the range cannot be satisfied (10039)");
    const options = { start: offset, end: offset + length - 1 };
    const body = Readable.toWeb(createReadStream(join(this.folder, key), options));
    return { ...found, body };
  }
}

// Like Cloudflare's: refuses 206, and answers a range of what it holds.
export class MemoryCache {
  constructor() {
    this.stored = new Map();
  }

  async put(key, response) {
    if (response.status === 206) throw new TypeError("206 cannot be cached");
    this.stored.set(new Request(key).url, [await response.arrayBuffer(), [...response.headers]]);
  }

  async match(request) {
    const [bytes, headers] = this.stored.get(request.url) ?? [];
    if (!bytes) return undefined;
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "");
    if (!range) return new Response(bytes, { headers });
    const part = bytes.slice(Number(range[1]), Number(range[2]) + 1);
    const answer = new Response(part, { status: 206, headers });
    answer.headers.set("content-length", String(part.byteLength));
    answer.headers.set(
      "content-range", `bytes ${range[1]}-${Number(range[1]) + part.byteLength - 1}/${bytes.byteLength}`,
    );
    return answer;
  }
}

// Installs a cache of its own; `waited` is what outlives the answers.
export const makeContext = () => {
  const cache = new MemoryCache();
  globalThis.caches = { open: async () => cache };
  const waited = [];
  return { cache, waited, waitUntil: (promise) => waited.push(promise) };
};
