import assert from "node:assert/strict";
import test from "node:test";
import { rewritePlaylist, rewriteTrack, signer } from "../../../cdn/rewrite.js";

const BASE = new URL("https://v.example/lectures/talk/run/720p/index.m3u8?token=T");
const sign = signer(BASE, ["lectures", "talk"], "T");
const playlist = (text) => rewritePlaylist(text, sign);

test("each tag that has a URI is signed, and keeps its other attributes and their order", () => {
  for (const [before, after] of [
    ['#EXT-X-MEDIA:TYPE=AUDIO,URI="a/b.m3u8",NAME="x"', '#EXT-X-MEDIA:TYPE=AUDIO,URI="a/b.m3u8?token=T",NAME="x"'],
    ['#EXT-X-MEDIA:TYPE=SUBTITLES,NAME="한국어, 1",URI="t.m3u8"', '#EXT-X-MEDIA:TYPE=SUBTITLES,NAME="한국어, 1",URI="t.m3u8?token=T"'],
    ['#EXT-X-KEY:METHOD=AES-128,URI="k.key",IV=0x0A', '#EXT-X-KEY:METHOD=AES-128,URI="k.key?token=T",IV=0x0A'],
    ['#EXT-X-MAP:URI="init.mp4",BYTERANGE="720@0"', '#EXT-X-MAP:URI="init.mp4?token=T",BYTERANGE="720@0"'],
    ['#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,CODECS="a,b",URI="i.m3u8"', '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,CODECS="a,b",URI="i.m3u8?token=T"'],
    ['#EXT-X-SESSION-KEY:METHOD=AES-128,URI="k.key"', '#EXT-X-SESSION-KEY:METHOD=AES-128,URI="k.key?token=T"'],
    ['#EXT-X-SESSION-DATA:DATA-ID="x",URI="d.json"', '#EXT-X-SESSION-DATA:DATA-ID="x",URI="d.json?token=T"'],
    ['#EXT-X-PART:DURATION=1,URI="p.m4s"', '#EXT-X-PART:DURATION=1,URI="p.m4s?token=T"'],
    ['#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p.m4s"', '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p.m4s?token=T"'],
    ['#EXT-X-RENDITION-REPORT:URI="../a/i.m3u8"', '#EXT-X-RENDITION-REPORT:URI="../a/i.m3u8?token=T"'],
  ]) {
    assert.equal(playlist(before), after);
  }
});

test("lines are signed; line ends, empty lines, byte ranges and comments stay", () => {
  assert.equal(
    playlist("#EXTM3U\r\n\r\n#EXTINF:6,\r\n#EXT-X-BYTERANGE:100@0\r\n00000.ts\r\n \n# a.ts\nb.ts"),
    "#EXTM3U\r\n\r\n#EXTINF:6,\r\n#EXT-X-BYTERANGE:100@0\r\n00000.ts?token=T\r\n \n# a.ts\nb.ts?token=T",
  );
});

test("text that reads like an attribute is not one", () => {
  for (const line of [
    '#EXTINF:6,URI="a.ts"',
    '#EXT-X-MEDIA:TYPE=AUDIO,NAME="a,URI=",LANGUAGE="b.ts"',
    '#EXT-X-MEDIA:TYPE=AUDIO,NAME="a,URI=b.ts"',
    '#EXT-X-CONTENT-STEERING:SERVER-URI="steer.m3u8"',
    '#EXT-X-DATERANGE:ID="x",X-ASSET-URI="a.m3u8"',
    "#EXT-X-ENDLIST",
    '# URI="a.ts"',
  ]) {
    assert.equal(playlist(line), line);
  }
});

test("relative and absolute URIs of the folder are signed", () => {
  for (const uri of [
    "a.ts", "b/c/a.ts", "..a.ts", "a%3ab/c.ts", "./a.ts", "../audio/a.ts", "/lectures/talk/a.ts", "//v.example/lectures/talk/a.ts",
    "https://v.example/lectures/talk/a.ts", "https://v.example:443/lectures/t%61lk/a.ts",
  ]) {
    assert.equal(sign(uri), `${uri}?token=T`);
  }
});

test("no other host, scheme, port or folder gets the token", () => {
  for (const uri of [
    "https://other.example/lectures/talk/a.ts", "//other.example/lectures/talk/a.ts",
    "http://v.example/lectures/talk/a.ts", "https://v.example:8443/lectures/talk/a.ts",
    "https://v.example@other.example/lectures/talk/a.ts", "https://v.example.other.example/lectures/talk/a.ts",
    "\\\\other.example/lectures/talk/a.ts", "data:text/plain,a", "data:a.ts", "skd://key", "https://",
    "/lectures/talk2/a.ts", "/lectures/talk", "../../../talk2/a.ts", "../../../../a.ts", "{$host}/a.ts",
    "../..%2f..%2fother/a.ts",
  ]) {
    assert.equal(sign(uri), uri);
  }
});

test("queries and fragments stay, and an older token is replaced", () => {
  assert.equal(sign("a.ts?x=1&y#z"), "a.ts?x=1&y&token=T#z");
  assert.equal(sign("a.ts?token=old&x=1"), "a.ts?x=1&token=T");
  assert.equal(sign("a.ts?"), "a.ts?token=T");
});

test("a storyboard's images are signed before their fragment", () => {
  const track = "WEBVTT\r\n\r\nsheet.jpg#xywh=0,0,1,1\r\n00:00.000 --> 00:01.000\r\nsheet.jpg#xywh=0,0,1,1\r\n\r\n";
  assert.equal(
    rewriteTrack(track, sign),
    "WEBVTT\r\n\r\nsheet.jpg#xywh=0,0,1,1\r\n00:00.000 --> 00:01.000\r\nsheet.jpg?token=T#xywh=0,0,1,1\r\n\r\n",
  );
  const elsewhere = "WEBVTT\n\n00:00.000 --> 00:01.000\nhttps://other.example/a.jpg#xywh=0,0,1,1";
  assert.equal(rewriteTrack(elsewhere, sign), elsewhere);
});

test("subtitles, chapters, notes and styles stay as they are", () => {
  for (const text of [
    "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n1\n00:00.000 --> 00:01.000\nsee a.jpg\nfile.ts\n",
    "WEBVTT\n\nNOTE\na.jpg#xywh=0,0,1,1\n\nSTYLE\n::cue { color: red }\n",
    "",
  ]) {
    assert.equal(rewriteTrack(text, sign), text);
  }
});
