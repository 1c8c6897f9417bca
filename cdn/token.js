// The token of a signed URL: `?token=<expires>.<depth>.<viewer>.<signature>`.
//
// It is valid for every file below one folder: the first `depth` names of the URL's path. The
// signature covers that folder, so that another folder or depth needs another signature.

export const PARAMETER = "token";
// The signature is an HMAC-SHA-256 as base64url, 256 bits in 43 characters.
const TOKEN =
  /^(?<expires>[0-9]{10})\.(?<depth>[1-9][0-9]?)\.(?<viewer>[A-Za-z0-9_-]{0,64})\.(?<signature>[A-Za-z0-9_-]{43})$/;
const SECRET_BYTES = 32;
const utf8 = new TextEncoder();

// Why a request is not answered with a file, and with which status.
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// The decoded names of a URL's path; null where no stored file can have it. A slash or backslash
// inside a name, or a dot segment that only appears by decoding, could mean another file to the
// store than to this check.
export const splitPath = (pathname) => {
  let names;
  try {
    names = pathname.slice(1).split("/").map(decodeURIComponent);
  } catch {
    return null;
  }
  const isName = (name) => !/^\.{0,2}$|[/\\\u0000-\u001f\u007f]/.test(name);
  return names.every(isName) ? names : null;
};

// What is signed. Names hold no line break, so no two folders, times and viewers give one text.
export const signedText = (folder, expires, viewer) =>
  ["academy-video 1", folder.join("/"), expires, viewer].join("\n");

// The secrets that are accepted: the present one and, while secrets change, the one before.
// Without a usable one nothing is answered: an empty key would let anybody sign.
export const secretsOf = ({ SECRET, SECRET_PREVIOUS }) => {
  const secrets = [SECRET ?? "", ...(SECRET_PREVIOUS ? [SECRET_PREVIOUS] : [])].map((secret) =>
    utf8.encode(secret),
  );
  if (secrets.some((secret) => secret.length < SECRET_BYTES)) {
    throw new Refusal(500, `SECRET, or SECRET_PREVIOUS, has fewer than ${SECRET_BYTES} bytes`);
  }
  return secrets;
};

// Returns the folder that the token allows; throws a Refusal where the file is not below it, or the
// time is over. 401: another token may help; 403: this one is not for this file.
export const checkToken = async (tokens, names, secrets, now_s) => {
  if (tokens.length === 0) throw new Refusal(401, "the URL is not signed");
  const fields = tokens.length === 1 ? TOKEN.exec(tokens[0])?.groups : undefined;
  if (!fields) throw new Refusal(403, "the URL has no well-formed token, or several");
  const folder = names.slice(0, Number(fields.depth));
  if (folder.length === names.length) throw new Refusal(403, "the token is for a folder below");
  const text = utf8.encode(signedText(folder, fields.expires, fields.viewer));
  const signature = Uint8Array.from(
    atob(fields.signature.replaceAll("-", "+").replaceAll("_", "/")),
    (char) => char.charCodeAt(0),
  );
  if (!(await isSignedWithAny(secrets, signature, text))) {
    throw new Refusal(403, "the token is not for this file");
  }
  if (now_s >= Number(fields.expires)) throw new Refusal(401, "the token has expired");
  return folder;
};

const isSignedWithAny = async (secrets, signature, text) => {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  for (const secret of secrets) {
    const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["verify"]);
    // Compares in constant time.
    if (await crypto.subtle.verify("HMAC", key, signature, text)) return true;
  }
  return false;
};
