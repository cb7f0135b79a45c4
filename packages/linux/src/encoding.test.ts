import { spawnSync } from "node:child_process";
import { Random } from "@puzzlefs/testing";
import test from "ava";
import { commandOfBytes } from "./child-arguments.ts";
import { bytesOf, textOf } from "./encoding.ts";
import { escapeText } from "./escape.ts";
import { SystemError } from "./library.ts";
import { escapeName, nulTerminated, printable, unescapeName } from "./paths.ts";

/** Bytes as latin1, the string that they are decoded to, and how messages show it. */
const cases: [title: string, bytes: string, text: string, shown: string][] = [
  ["UTF-8", "F\xc3\xbc\xf0\x9f\xa7\xa9", "Fü🧩", "Fü🧩"],
  ["a byte that begins nothing", "a\xffb", "a\udcffb", "a\\xffb"],
  ["a continuation alone", "\x80", "\udc80", "\\x80"],
  ["a truncated sequence", "\xe2\x82A", "\udce2\udc82A", "\\xe2\\x82A"],
  ["an overlong slash", "\xc0\xaf", "\udcc0\udcaf", "\\xc0\\xaf"],
  ["an overlong NUL", "\xe0\x80\x80", "\udce0\udc80\udc80", "\\xe0\\x80\\x80"],
  [
    "an encoded surrogate",
    "\xed\xa0\x80\xed\xb3\xbf",
    "\udced\udca0\udc80\udced\udcb3\udcbf",
    "\\xed\\xa0\\x80\\xed\\xb3\\xbf",
  ],
  ["beyond Unicode", "\xf4\x90\x80\x80\xf5", "\udcf4\udc90\udc80\udc80\udcf5", "\\xf4\\x90\\x80\\x80\\xf5"],
  ["the replacement character itself", "\xef\xbf\xbd", "\ufffd", "\ufffd"],
  ["it beside a bad byte", "\xef\xbf\xbd\xff", "\ufffd\udcff", "\ufffd\\xff"],
  ["a pair and then a bad byte", "\xf0\x9f\xa7\xa9\x80", "🧩\udc80", "🧩\\x80"],
  ["a byte order mark", "\xef\xbb\xbfa", "\ufeffa", "\\ufeffa"],
  ["nothing", "", "", ""],
];

for (const [title, latin1, text, shown] of cases) {
  const bytes = Buffer.from(latin1, "latin1");
  test(`a path with ${title} is bytes and text alike`, (t) => {
    t.is(textOf(bytes), text);
    t.deepEqual(bytesOf(text), bytes);
    t.deepEqual(Buffer.from(nulTerminated(text)), Buffer.concat([bytes, Buffer.of(0)]));
    t.is(escapeText(text), shown);
    t.is(printable(bytes), shown);
    t.is(printable(text), shown);
    t.deepEqual(bytesOf(JSON.parse(JSON.stringify(text))), bytes);
  });
}

test("a surrogate that encodes no byte is refused", (t) => {
  for (const text of ["\ud800", "a\udc00", "\udc7fb", "\udd00", "\ud83e"]) {
    t.is(t.throws(() => bytesOf(text), { instanceOf: SystemError })?.code, "EINVAL");
    t.throws(() => nulTerminated(text), { code: "EINVAL" });
    t.notRegex(printable(text), /\p{Cs}/u);
  }
});

test("a name is recovered from its shown form", (t) => {
  const names = [
    "plain",
    "with space",
    "back\\slash",
    "\\x41",
    "new\nline",
    "\u202e\u200b",
    "日本語",
    "a\udcffb",
    "\ufffd",
  ];
  for (const bytes of names.map(bytesOf)) {
    t.notRegex(escapeName(bytes), /[\p{Cc}\p{Cf}\p{Cs}]/u);
    t.deepEqual(unescapeName(escapeName(bytes)), bytes);
  }
  t.is(escapeName(bytesOf("a b\\ü\n\u200b\udcff")), "a b\\\\ü\\x0a\\xe2\\x80\\x8b\\xff");
  for (const bad of ["\\", "\\n", "a\\x4", "\\xgg", "\\\\\\"]) t.is(unescapeName(bad), undefined);
});

test("random bytes are decoded as Python does, come back, and reach a command whole", (t) => {
  const random = new Random();
  const interesting = Buffer.from(
    "00aACE/\n\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc2\xdf\xe0\xe2\xed\xef\xf0\xf1\xf4\xf5\xff",
    "latin1",
  );
  const samples = Array.from({ length: 3000 }, () =>
    Buffer.from(
      Array.from({ length: random.below(9) }, () =>
        random.once(8) ? 1 + random.below(255) : random.pick([...interesting]),
      ),
    ),
  );
  for (const bytes of samples) {
    const text = textOf(bytes);
    t.deepEqual(bytesOf(text), bytes);
    t.deepEqual(unescapeName(escapeName(bytes)), bytes);
    if (text.isWellFormed()) t.is(text, new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    else t.throws(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  }
  const [program, argv] = commandOfBytes("/usr/bin/printf", ["%s\\0", ...samples.map(textOf)]);
  const { stdout } = spawnSync(program, argv, { env: {} });
  t.deepEqual(stdout, Buffer.concat(samples.flatMap((bytes) => [bytes, Buffer.of(0)])));

  const script =
    "import json,sys; print(json.dumps([bytes.fromhex(h).decode('utf-8','surrogateescape') for h in json.load(sys.stdin)]))";
  const input = JSON.stringify(samples.map((bytes) => bytes.toString("hex")));
  const python = spawnSync("python3", ["-c", script], { input, encoding: "utf8" });
  if (python.error === undefined) t.deepEqual(JSON.parse(python.stdout), samples.map(textOf), python.stderr);
});

test("a command of plain text needs no shell", (t) => {
  t.deepEqual(commandOfBytes("/bin/x", ["a b", "ü"]), ["/bin/x", ["a b", "ü"]]);
});
