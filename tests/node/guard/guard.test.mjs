import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test, { after, before, beforeEach } from "node:test";
import guard from "../../../cdn/guard.js";
import { signedText } from "../../../cdn/token.js";
import { FolderBucket, makeContext } from "./runtime.mjs";

const SECRET = "s".repeat(32);
const SEGMENT = "lectures/talk/run/720p/00000.0123abcd.ts";
const PLAYLIST = "lectures/talk/run/720p/index.0123abcd.m3u8";
const MASTER = "lectures/talk/master.m3u8";
const LATER = String(Math.floor(Date.now() / 1000) + 600);
const FILES = {
  [MASTER]: "#EXTM3U\nrun/720p/index.0123abcd.m3u8\n",
  [PLAYLIST]: "#EXTM3U\n#EXTINF:6,\n00000.0123abcd.ts\n",
  [SEGMENT]: "0123456789",
  "lectures/talk/thumbnail.jpg": "jpg",
  "lectures/talk/run/download.0123abcd.mp4": "mp4",
  "lectures/talk/one.0123abcd.key": "key",
  "lectures/talk/manifest.json": "{}",
  "lectures/other/master.m3u8": "#EXTM3U\n",
  "lectures/강의 1/master.m3u8": "#EXTM3U\na%20b.ts\n",
};

let folder, bucket, context, env;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "guard-"));
  for (const [key, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder, key)), { recursive: true });
    await writeFile(join(folder, key), text);
  }
});
after(() => rm(folder, { recursive: true }));
beforeEach(() => {
  bucket = new FolderBucket(folder);
  context = makeContext();
  env = { SECRET, BUCKET: bucket };
});

const makeToken = ({ secret = SECRET, names = ["lectures", "talk"], expires = LATER, viewer = "" } = {}) => {
  const text = signedText(names, expires, viewer);
  const signature = createHmac("sha256", secret).update(text).digest("base64url");
  return [expires, names.length, viewer, signature].join(".");
};
const ask = async (path, { query = `?token=${makeToken()}`, ...init } = {}) => {
  const answer = await guard.fetch(new Request(`https://v.example/${path}${query}`, init), env, context);
  await Promise.all(context.waited);
  return answer;
};
const status = async (path, options) => (await ask(path, options)).status;

test("one token opens every file of its folder", async () => {
  for (const path of [MASTER, PLAYLIST, SEGMENT, "lectures/talk/thumbnail.jpg"]) {
    assert.equal(await status(path), 200, path);
  }
});

test("a URL without a token, or with one that has expired, is answered with 401", async () => {
  for (const query of ["", `?token=${makeToken({ expires: "1000000000" })}`]) {
    const answer = await ask(MASTER, { query });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("www-authenticate"), "Token");
    assert.equal(answer.headers.get("cache-control"), "private, no-store");
  }
});

test("a token is good for no other folder", async () => {
  assert.equal(await status("lectures/other/master.m3u8"), 403);
  for (const path of ["lectures/talk/../other/master.m3u8", "lectures/talk/%2e%2e/other/master.m3u8"]) {
    assert.equal(await status(path), 403, path);
  }
});

test("a token for a folder opens no file of the folder's own name", async () => {
  for (const names of [MASTER.split("/"), [...MASTER.split("/"), "below"]]) {
    assert.equal(await status(MASTER, { query: `?token=${makeToken({ names })}` }), 403);
  }
});

test("a token that was changed in any part is refused", async () => {
  const [expires, depth, viewer, signature] = makeToken({ viewer: "student-1" }).split(".");
  const changed = [
    [String(Number(expires) + 1), depth, viewer, signature],
    [expires, "1", viewer, signature],
    [expires, "3", viewer, signature],
    [expires, "0", viewer, signature],
    [expires, "99", viewer, signature],
    [expires, depth, "student-2", signature],
    [expires, depth, "", signature],
    [expires, depth, viewer, signature.replace(/./, (c) => (c === "A" ? "B" : "A"))],
    [expires, depth, viewer, signature.slice(1)],
    [expires, depth, viewer, ""],
    [expires, depth, viewer],
    [`0${expires}`, depth, viewer, signature],
  ];
  for (const fields of changed) {
    assert.equal(await status(MASTER, { query: `?token=${fields.join(".")}` }), 403, fields.join("."));
  }
  assert.equal(await status(MASTER, { query: `?token=${[expires, depth, viewer, signature].join(".")}` }), 200);
});

test("two tokens are refused, also where one of them is right", async () => {
  const token = makeToken();
  for (const query of [`?token=${token}&token=${token}`, `?token=x&%74oken=${token}`]) {
    assert.equal(await status(MASTER, { query }), 403);
  }
});

test("paths that a store may read otherwise are not answered", async () => {
  for (const path of [
    "lectures/talk%2frun/720p/00000.0123abcd.ts", "lectures/talk/..%2fother/master.m3u8",
    "lectures/talk/%5c../master.m3u8", "lectures//talk/master.m3u8", "lectures/talk//master.m3u8",
    "/lectures/talk/master.m3u8", "lectures/talk/a%00.ts", "lectures/talk/a%0a.ts", "lectures/talk/%ff.ts",
    "lectures/talk/..%5cother/master.m3u8", "", "lectures/talk/",
  ]) {
    assert.equal(await status(path), 404, path);
  }
});

test("other kinds of files are not served, with a token or without", async () => {
  for (const path of ["manifest.json", "checkpoint.json", "report.html", "a.M3U8", "ts", "a.constructor"]) {
    assert.equal(await status(`lectures/talk/${path}`), 404, path);
    assert.equal(await status(`lectures/talk/${path}`, { query: "" }), 404, path);
  }
  assert.deepEqual(bucket.reads, []);
});

test("both secrets are accepted while they change, and the old one no longer after", async () => {
  const old = { query: `?token=${makeToken({ secret: "o".repeat(32) })}` };
  assert.equal(await status(MASTER, old), 403);
  env.SECRET_PREVIOUS = "o".repeat(32);
  assert.equal(await status(MASTER, old), 200);
  assert.equal(await status(MASTER), 200);
});

test("without a usable secret nothing is answered", async () => {
  for (const wrong of [{ SECRET: undefined }, { SECRET: "" }, { SECRET: "short" }, { SECRET_PREVIOUS: "short" }]) {
    env = { SECRET, BUCKET: bucket, ...wrong };
    const query = `?token=${makeToken({ secret: wrong.SECRET ?? "" })}`;
    assert.equal(await status(MASTER, { query }), 500);
  }
  assert.deepEqual(bucket.reads, []);
});

test("only GET, HEAD and a browser's OPTIONS are answered", async () => {
  for (const method of ["POST", "PUT", "DELETE"]) {
    const answer = await ask(SEGMENT, { method });
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get("allow"), "GET, HEAD, OPTIONS");
  }
  const preflight = await ask(SEGMENT, { method: "OPTIONS", query: "" });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get("access-control-allow-headers"), "range");
});

test("HEAD has the headers of GET and no body", async () => {
  for (const path of [MASTER, SEGMENT]) {
    const [got, head] = [await ask(path), await ask(path, { method: "HEAD" })];
    assert.deepEqual([...head.headers], [...got.headers]);
    assert.equal(await head.text(), "");
  }
});

test("a page of any origin may read, or only of the one that is configured", async () => {
  assert.equal((await ask(MASTER)).headers.get("access-control-allow-origin"), "*");
  env.ALLOW_ORIGIN = "https://academy.example";
  for (const query of [undefined, ""]) {
    const answer = await ask(MASTER, query === undefined ? {} : { query });
    assert.equal(answer.headers.get("access-control-allow-origin"), "https://academy.example");
  }
});

test("ranges are answered with 206, from the store and from the cache", async () => {
  const range = async (value, more = {}) => {
    const answer = await ask(SEGMENT, { headers: { range: value, ...more } });
    return [answer.status, answer.headers.get("content-range"), await answer.text()];
  };
  assert.deepEqual(await range("bytes=2-4"), [206, "bytes 2-4/10", "234"]);
  assert.deepEqual(await range("bytes=7-"), [206, "bytes 7-9/10", "789"]);
  assert.deepEqual(await range("bytes=-2"), [206, "bytes 8-9/10", "89"]);
  assert.deepEqual(await range("bytes=8-99"), [206, "bytes 8-9/10", "89"]);
  assert.deepEqual(await range("bytes=10-"), [416, "bytes */10", ""]);
  assert.equal(context.cache.stored.size, 0);
  assert.deepEqual(await range("bytes=0-0,2-2"), [200, null, "0123456789"]);
  assert.deepEqual(await range("bytes=0-0", { "if-range": '"old"' }), [200, null, "0123456789"]);
  const count = bucket.reads.length;
  assert.deepEqual(await range("bytes=2-4"), [206, "bytes 2-4/10", "234"]);
  assert.equal(bucket.reads.length, count);
});

test("a playlist is read once and carries each viewer's own token", async () => {
  for (const viewer of ["one", "two"]) {
    const token = makeToken({ viewer });
    const answer = await ask(PLAYLIST, { query: `?token=${token}` });
    assert.equal(await answer.text(), `#EXTM3U\n#EXTINF:6,\n00000.0123abcd.ts?token=${token}\n`);
    assert.equal(answer.headers.get("cache-control"), "private, no-store");
    assert.equal(answer.headers.get("content-type"), "application/vnd.apple.mpegurl");
  }
  assert.deepEqual(bucket.reads, [PLAYLIST]);
  const [[key, [bytes]]] = context.cache.stored;
  assert.equal(key, `https://v.example/${PLAYLIST}`);
  assert.equal(Buffer.from(bytes).toString(), FILES[PLAYLIST]);
});

test("a segment is cached without its token, however its path is written", async () => {
  for (const path of [SEGMENT, SEGMENT.replace("talk", "t%61lk")]) {
    const answer = await ask(path);
    assert.equal(await answer.text(), "0123456789");
    assert.equal(answer.headers.get("cache-control"), "private, max-age=31536000, immutable");
  }
  assert.deepEqual(bucket.reads, [SEGMENT]);
  assert.equal(await status(SEGMENT, { query: "" }), 401);
});

test("a download keeps the name under which browsers save it, also in a part and from the cache", async () => {
  for (const headers of [{ range: "bytes=1-2" }, {}, {}]) {
    const answer = await ask("lectures/talk/run/download.0123abcd.mp4", { headers });
    assert.equal(answer.headers.get("content-disposition"), 'attachment; filename="talk.mp4"');
    assert.equal(answer.headers.get("content-type"), "video/mp4");
  }
  assert.equal((await ask(SEGMENT)).headers.get("content-disposition"), null);
});

test("what is replaced, a key, and what is missing are not cached", async () => {
  assert.equal((await ask(MASTER)).headers.get("cache-control"), "private, no-store");
  assert.equal((await ask("lectures/talk/thumbnail.jpg")).headers.get("cache-control"), "private, no-cache");
  assert.equal((await ask("lectures/talk/one.0123abcd.key")).headers.get("cache-control"), "private, no-store");
  const missing = await ask("lectures/talk/run/9.0123abcd.ts");
  assert.equal(missing.status, 404);
  assert.equal(missing.headers.get("cache-control"), "private, no-store");
  assert.equal(context.cache.stored.size, 0);
});

test("folders may have names in any script", async () => {
  const token = makeToken({ names: ["lectures", "강의 1"] });
  const answer = await ask("lectures/강의 1/master.m3u8", { query: `?token=${token}` });
  assert.equal(await answer.text(), `#EXTM3U\na%20b.ts?token=${token}\n`);
});

test("a store that fails is 502, and none configured 500", async () => {
  const silenced = console.error;
  console.error = () => {};
  try {
    env.BUCKET = { get: async () => { throw new Error("down"); } };
    const answer = await ask(MASTER);
    assert.equal(answer.status, 502);
    assert.equal(answer.headers.get("cache-control"), "private, no-store");
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    env.BUCKET = undefined;
    assert.equal(await status(MASTER), 500);
  } finally {
    console.error = silenced;
  }
});

test("a server's answers are passed on, and no redirect is followed", async () => {
  const asked = [];
  const fetched = globalThis.fetch;
  const silenced = console.error;
  console.error = () => {};
  const answers = {
    200: 200, 206: 206, 403: 502, 404: 404, 416: 416, 302: 502, 401: 502, 503: 502,
  };
  try {
    env = { SECRET, ORIGIN: "https://store.example/bucket/", ORIGIN_HEADER: "x-from: guard:1" };
    for (const [given, expected] of Object.entries(answers)) {
      globalThis.fetch = async (url, init) => {
        asked.push([url, init.redirect, init.headers.get("x-from"), init.headers.get("range")]);
        return new Response("0", { status: Number(given), headers: { "set-cookie": "a=b", location: "/x" } });
      };
      const answer = await ask(SEGMENT, { headers: { range: "bytes=0-0", cookie: "c" } });
      assert.equal(answer.status, expected, given);
      assert.equal(answer.headers.get("set-cookie"), null);
    }
  } finally {
    globalThis.fetch = fetched;
    console.error = silenced;
  }
  const url = `https://store.example/bucket/${SEGMENT}`;
  assert.deepEqual(asked[0], [url, "manual", "guard:1", "bytes=0-0"]);
});
