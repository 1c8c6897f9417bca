// Reads a stored file from an R2 bucket (`env.BUCKET`) or a server (`env.ORIGIN`).
import { Refusal } from "./token.js";

const KEPT = [
  ...["content-length", "content-range", "etag", "last-modified", "cache-control"],
  "content-disposition",
];

export const encodePath = (names) => names.map(encodeURIComponent).join("/");

// The one range of bytes that a request asks for; null where the whole file is the right answer,
// as it always may be (RFC 9110, 14.2): several ranges, and If-Range, which is not compared here.
export const rangeOf = (headers) => {
  const range = headers.get("range") ?? "";
  return headers.has("if-range") || !/^bytes=(\d+-\d*|-\d+)$/.test(range) ? null : range;
};

// Answers as the store does: 200, 206, 404 or 416. Throws a Refusal where the store fails.
export const readStored = (env, names, method, range) => {
  if (env.BUCKET) return readBucket(env.BUCKET, names.join("/"), method, range);
  if (env.ORIGIN) return readServer(env, names, method, range);
  throw new Refusal(500, "neither BUCKET nor ORIGIN is configured");
};

const readServer = async ({ ORIGIN, ORIGIN_HEADER }, names, method, range) => {
  // The store's own length and ranges are of the bytes as stored.
  const headers = new Headers({ "accept-encoding": "identity" });
  if (range) headers.set("range", range);
  if (ORIGIN_HEADER) {
    const [name, ...value] = ORIGIN_HEADER.split(":");
    headers.set(name, value.join(":").trim());
  }
  const url = `${ORIGIN.replace(/\/$/, "")}/${encodePath(names)}`;
  // A redirect would lead to a file that no token was checked for.
  const answer = await fetch(url, { method, headers, redirect: "manual" });
  const { status } = answer;
  // Also 401 and 403: it is the guard that is denied, not the viewer.
  if (![200, 206, 404, 416].includes(status)) throw new Refusal(502, `the store answered ${status}`);
  const kept = KEPT.filter((name) => answer.headers.has(name));
  return new Response(status < 400 ? answer.body : null, {
    status,
    headers: kept.map((name) => [name, answer.headers.get(name)]),
  });
};

const readBucket = async (bucket, key, method, range) => {
  if (method === "HEAD") {
    const object = await bucket.head(key);
    return new Response(null, object ? { headers: headersOf(object) } : { status: 404 });
  }
  if (!range) {
    const object = await bucket.get(key);
    return object
      ? new Response(object.body, { headers: headersOf(object) })
      : new Response(null, { status: 404 });
  }
  return readBucketRange(bucket, key, range);
};

// R2 throws on a range that begins behind the end; so the size is asked for first.
const readBucketRange = async (bucket, key, range) => {
  const found = await bucket.head(key);
  if (!found) return new Response(null, { status: 404 });
  const [first, last] = range.slice("bytes=".length).split("-");
  const offset = first === "" ? Math.max(0, found.size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? found.size : Math.min(Number(last) + 1, found.size);
  if (offset >= end) {
    return new Response(null, { status: 416, headers: { "content-range": `bytes */${found.size}` } });
  }
  const length = end - offset;
  const object = await bucket.get(key, { range: { offset, length } });
  if (!object) return new Response(null, { status: 404 });
  return new Response(object.body, {
    status: 206,
    headers: {
      ...headersOf(object),
      "content-length": String(length),
      "content-range": `bytes ${offset}-${end - 1}/${object.size}`,
    },
  });
};

const headersOf = ({ size, httpEtag, uploaded, httpMetadata }) => ({
  "content-length": String(size),
  etag: httpEtag,
  "last-modified": uploaded.toUTCString(),
  ...(httpMetadata?.cacheControl && { "cache-control": httpMetadata.cacheControl }),
  // By which browsers save a download under its name.
  ...(httpMetadata?.contentDisposition && { "content-disposition": httpMetadata.contentDisposition }),
});
