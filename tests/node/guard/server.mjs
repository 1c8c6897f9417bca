// Serves the guard over HTTP on loopback: node server.mjs '{"SECRET": …, "folder": …}'. Prints its
// port. The JSON has the guard's own configuration, and for tests:
//   folder      serve it as a bucket; without it ORIGIN is read
//   linesOnly   sign as a guard does that knows only lines without `#`
import { createServer } from "node:http";
import { Readable } from "node:stream";
import guard from "../../../cdn/guard.js";
import { FolderBucket, makeContext } from "./runtime.mjs";

const { folder, linesOnly, ...env } = JSON.parse(process.argv[2]);
if (folder) env.BUCKET = new FolderBucket(folder);
const context = makeContext();

const unsignTags = async (answer) => {
  const text = await answer.text();
  const { status, headers } = answer;
  return new Response(text.replace(/^#.*$/gm, (line) => line.replace(/\?token=[^"]*/g, "")), {
    status,
    headers,
  });
};

const server = createServer(async (incoming, outgoing) => {
  const { method, headers } = incoming;
  const request = new Request(`http://${headers.host}${incoming.url}`, { method, headers });
  let answer = await guard.fetch(request, env, context);
  if (linesOnly && incoming.url.includes(".m3u8")) answer = await unsignTags(answer);
  outgoing.writeHead(answer.status, [...answer.headers].flat());
  if (!answer.body) return outgoing.end();
  const body = Readable.fromWeb(answer.body);
  // A player that seeks gives up what it was loading.
  outgoing.on("close", () => body.destroy());
  body.on("error", () => outgoing.destroy()).pipe(outgoing);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
