// A Cloudflare Worker in front of published videos: a file is answered only to who has a token for
// its folder, and every URI of a playlist or storyboard carries that token on. See README.md.
import { encodePath, rangeOf, readStored } from "./origin.js";
import { rewritePlaylist, rewriteTrack, signer } from "./rewrite.js";
import { PARAMETER, Refusal, checkToken, secretsOf, splitPath } from "./token.js";

// What is served; any other file of a destination (manifest.json, checkpoint.json, report.html) is
// for the academy's own servers.
const TYPES = new Map([
  ["m3u8", { type: "application/vnd.apple.mpegurl", rewrite: rewritePlaylist }],
  ["vtt", { type: "text/vtt; charset=utf-8", rewrite: rewriteTrack }],
  ["ts", { type: "video/mp2t" }],
  ["m4s", { type: "video/mp4" }],
  ["mp4", { type: "video/mp4" }],
  ["m4a", { type: "audio/mp4" }],
  ["jpg", { type: "image/jpeg" }],
  ["key", { type: "application/octet-stream", isSecret: true }],
]);
const NOT_STORED = "private, no-store";
// A cache of its own: in the zone's own one, a request that passes the guard by would find its files.
const CACHE = "published";

export default {
  async fetch(request, env, context) {
    let answer;
    try {
      answer = await respond(request, env, context);
    } catch (error) {
      answer = refuse(error);
    }
    const { headers } = answer;
    headers.set("access-control-allow-origin", env.ALLOW_ORIGIN || "*");
    headers.set("access-control-expose-headers", "content-length, content-range");
    headers.set("x-content-type-options", "nosniff");
    return answer;
  },
};

const respond = async (request, env, context) => {
  const { method } = request;
  if (method === "OPTIONS") return answerPreflight();
  if (method !== "GET" && method !== "HEAD") throw new Refusal(405, "only GET and HEAD");
  const secrets = secretsOf(env);
  const url = new URL(request.url);
  const names = splitPath(url.pathname);
  const kind = TYPES.get(/\.([a-z0-9]+)$/.exec(names?.at(-1) ?? "")?.[1]);
  if (!kind) throw new Refusal(404, "there is no such file");
  const tokens = url.searchParams.getAll(PARAMETER);
  const folder = await checkToken(tokens, names, secrets, Date.now() / 1000);
  const read = (how) => readCached(env, context, { names, kind, origin: url.origin, ...how });
  if (kind.rewrite) {
    const stored = await read({ method: "GET", range: null });
    return answerText(stored, kind, method, signer(url, folder, tokens[0]));
  }
  return answerBytes(await read({ method, range: rangeOf(request.headers) }), kind);
};

// Whoever has a token gets the same bytes, so they are cached without one. Only immutable files are,
// whole: their names carry a digest of their content.
const readCached = async (env, context, { names, kind, origin, method, range }) => {
  const cache = method === "GET" && !kind.isSecret ? await globalThis.caches?.open(CACHE) : null;
  const key = `${origin}/${encodePath(names)}`;
  const cached = await cache?.match(new Request(key, { headers: range ? { range } : {} }));
  if (cached) return cached;
  const stored = await readStored(env, names, method, range);
  if (stored.status === 404) throw new Refusal(404, "there is no such file");
  if (cache && stored.status === 200 && isImmutable(stored)) {
    context.waitUntil(cache.put(key, stored.clone()));
  }
  return stored;
};

const isImmutable = ({ headers }) => /\bimmutable\b/.test(headers.get("cache-control") ?? "");

// The text carries one viewer's token: nobody else may be answered with it.
const answerText = async (stored, { type, rewrite }, method, sign) => {
  const text = rewrite(await stored.text(), sign);
  return new Response(method === "HEAD" ? null : text, {
    headers: { "content-type": type, "cache-control": NOT_STORED },
  });
};

const answerBytes = (stored, { type, isSecret }) => {
  const answer = new Response(stored.body, stored);
  const keeps = isImmutable(stored) ? "private, max-age=31536000, immutable" : "private, no-cache";
  answer.headers.set("cache-control", isSecret || stored.status === 416 ? NOT_STORED : keeps);
  answer.headers.set("content-type", type);
  answer.headers.set("accept-ranges", "bytes");
  return answer;
};

// Before a token is checked: a browser asks without what the page's request will carry.
const answerPreflight = () =>
  new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET, HEAD",
      "access-control-allow-headers": "range",
      "access-control-max-age": "86400",
    },
  });

const refuse = (error) => {
  const { status, message } =
    error instanceof Refusal ? error : new Refusal(502, "the store cannot be read");
  if (status >= 500) console.error(error);
  const headers = new Headers({ "cache-control": NOT_STORED, "content-type": "text/plain; charset=utf-8" });
  // RFC 9110: 15.5.2 and 15.5.6.
  if (status === 401) headers.set("www-authenticate", "Token");
  if (status === 405) headers.set("allow", "GET, HEAD, OPTIONS");
  return new Response(`${message}\n`, { status, headers });
};
