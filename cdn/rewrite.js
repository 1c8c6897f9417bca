// Adds a token to every URI that a playlist or storyboard names. Pure.
import { PARAMETER, splitPath } from "./token.js";

// Tags with a URI attribute in RFC 8216 and its successor; all have attribute lists. EXTINF, whose
// title may be any text, is none of them.
const TAG = /^(?<tag>#EXT-X-[A-Z0-9-]+:)(?<attributes>.*)$/s;
// A quoted value is read as a whole: it may hold commas, and a text that reads like an attribute.
const ATTRIBUTE = /(?<name>[^=,]+)=(?<value>"[^"]*"|[^,]*)/g;
// The one line of a storyboard's cue (Media Fragments URI, 4.2.2); text that is spoken has none.
const TILE = /^\S+#xywh=\S+$/;
// A file beside the playlist or below its folder, as the worker names all of them. A playlist of three
// hours has 1800: to parse each as a URL would exceed the CPU time of a free Worker, 10 ms.
const PLAIN = /^(?:[\w-][\w.-]*\/)*[\w-][\w.-]*$/;
const HAS_TOKEN = new RegExp(`^${PARAMETER}(=|$)`);

// Returns a function that adds the token to a URI below the folder, and leaves any other as it is:
// no other host and no other video ever sees the token. `base` is the URL of the file that names it.
export const signer = (base, folder, token) => (uri) => {
  if (PLAIN.test(uri)) return `${uri}?${PARAMETER}=${token}`;
  // A variable of EXT-X-DEFINE: where the URI leads is not known here.
  if (uri.includes("{$") || !isBelow(uri, base, folder)) return uri;
  const { path, query = "", fragment = "" } =
    /^(?<path>[^?#]*)(?:\?(?<query>[^#]*))?(?<fragment>#.*)?$/s.exec(uri).groups;
  const kept = query.split("&").filter((part) => part && !HAS_TOKEN.test(part));
  return `${path}?${[...kept, `${PARAMETER}=${token}`].join("&")}${fragment}`;
};

const isBelow = (uri, base, folder) => {
  let target;
  try {
    target = new URL(uri, base);
  } catch {
    return false;
  }
  const names = target.origin === base.origin ? splitPath(target.pathname) : null;
  return names !== null && names.length > folder.length && folder.every((name, i) => name === names[i]);
};

// Signs the URI lines and URI attributes of a playlist; every other byte stays.
export const rewritePlaylist = (text, sign) =>
  text.replace(/[^\r\n]+/g, (line) => {
    if (!line.trimStart().startsWith("#")) return line.replace(/\S(?:.*\S)?/s, (uri) => sign(uri));
    return line.replace(TAG, (_line, tag, attributes) => tag + signAttributes(attributes, sign));
  });

const signAttributes = (attributes, sign) =>
  attributes.replace(ATTRIBUTE, (attribute, name, value) =>
    name.trim() === "URI" && value.startsWith('"')
      ? `${name}="${sign(value.slice(1, -1))}"`
      : attribute,
  );

// Signs the images that the cues of a WebVTT track name; subtitles and chapters stay as they are.
export const rewriteTrack = (text, sign) => {
  let isInCue = false;
  return text.replace(/[^\r\n]*(?:\r\n|[\r\n]|$)/g, (line) => {
    const content = line.trim();
    if (content === "" || content.includes("-->")) {
      isInCue = content !== "";
      return line;
    }
    return isInCue && TILE.test(content) ? line.replace(content, () => sign(content)) : line;
  });
};
