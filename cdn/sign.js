#!/usr/bin/env node
// Prints a signed URL: node cdn/sign.js --path lectures/talk/master.m3u8 --minutes 240
import { createHmac } from "node:crypto";
import { parseArgs } from "node:util";
import { encodePath } from "./origin.js";
import { PARAMETER, secretsOf, signedText } from "./token.js";

const USAGE = `Usage: node cdn/sign.js --path PATH [OPTION]...

Print a URL with a token that the guard accepts.

  --path PATH        the file, below the bucket: lectures/talk/master.m3u8
  --folder FOLDER    what the token allows: everything below (the folder of --path)
  --minutes N        how long (240)
  --viewer ID        an id that the URL shows: letters, digits, - and _, up to 64
  --base URL         where the guard answers (https://video.example.com)
  --secret-env NAME  the environment variable that has the secret (SECRET)
`;

const fail = (message) => {
  console.error(`sign: ${message}\n\n${USAGE}`);
  process.exit(64);
};

const read = () => {
  const text = { type: "string" };
  const options = {
    path: text, folder: text, minutes: text, viewer: text, base: text,
    "secret-env": text, help: { type: "boolean" },
  };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return fail(error.message);
  }
};

const { path, folder, minutes = "240", viewer = "", base = "https://video.example.com", ...rest } =
  read();
if (rest.help) {
  console.log(USAGE);
  process.exit(0);
}
const names = (path ?? "").split("/");
const parents = folder === undefined ? names.slice(0, -1) : folder.replace(/\/$/, "").split("/");
if (parents.length === 0 || parents.length >= names.length || names.includes("")) {
  fail("--path must be a file below a folder, without a slash at its start");
}
if (parents.some((name, i) => name !== names[i])) fail("--folder must be above --path");
if (!(Number(minutes) > 0)) fail("--minutes must be above 0");
if (!/^[A-Za-z0-9_-]{0,64}$/.test(viewer)) fail("--viewer has other characters, or is too long");
const variable = rest["secret-env"] ?? "SECRET";
try {
  secretsOf({ SECRET: process.env[variable] });
} catch {
  fail(`${variable} must be in the environment, with 32 bytes or more`);
}
const expires = String(Math.floor(Date.now() / 1000 + Number(minutes) * 60));
const signature = createHmac("sha256", process.env[variable])
  .update(signedText(parents, expires, viewer))
  .digest("base64url");
const token = [expires, parents.length, viewer, signature].join(".");
console.log(`${base.replace(/\/$/, "")}/${encodePath(names)}?${PARAMETER}=${token}`);
