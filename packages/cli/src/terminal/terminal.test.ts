import { mkdirSync, writeFileSync } from "node:fs";
import { noise } from "@puzzlefs/testing";
import test from "ava";
import { isBuilt, launcher, runProgram, TestDirectory } from "../program-fixture.ts";
import { runOn, Stream } from "../streams-fixture.ts";
import { availableColumns, progressLine } from "./progress-bar.ts";
import { formatBytes, formatCount, formatCountOf, formatSeconds, formatShare } from "./quantities.ts";
import { formatFields, formatTable } from "./table.ts";

test("quantities for people", (t) => {
  t.deepEqual([0, 999, 1000, 99_949, 99_950, 999_499, 999_500, 2.5e9].map(formatBytes), [
    "0 B",
    "999 B",
    "1.0 kB",
    "99.9 kB",
    "100 kB",
    "999 kB",
    "1.0 MB",
    "2.5 GB",
  ]);
  t.is(formatCount(1234567), "1,234,567");
  t.deepEqual(
    [formatCountOf(1, "inode"), formatCountOf(2, "inode"), formatCountOf(0, "entry", "entries")],
    ["1 inode", "2 inodes", "0 entries"],
  );
  t.deepEqual([0.0125, 12.34, 245].map(formatSeconds), ["13 ms", "12.3 s", "4 min 05 s"]);
  t.is(formatShare(1, 3), "33.3 %");
  t.is(formatShare(0, 0), "-");
});

test("a progress line with and without a known end", (t) => {
  t.is(progressLine("building", 5e6, undefined, ["12 chunks"], 2, 110), "building  5.0 MB  12 chunks  2.5 MB/s");
  t.is(
    progressLine("building", 5e6, 20e6, ["12 chunks"], 2, 110),
    `building [${"#".repeat(5)}${".".repeat(15)}]  25 %  5.0 MB  12 chunks  2.5 MB/s  6.0 s left`,
  );
});

test("tables and fields are aligned", (t) => {
  const rows = [
    ["tag", "size"],
    ["v1", "12"],
    ["longer", "1,234"],
  ];
  t.is(formatTable(rows, ["left", "right"]), "tag      size\nv1         12\nlonger  1,234");
  t.is(
    formatFields([
      ["a", "1"],
      ["long", "2"],
    ]),
    "a     1\nlong  2",
  );
});

test("a progress line fits any width, and shows the more important parts", (t) => {
  for (const [done, total] of [
    [5e6, 20e6],
    [0, 1],
    [2 ** 50, 2 ** 50],
    [5e6, undefined],
  ] as const) {
    for (let columns = 0; columns <= 120; columns++) {
      const line = progressLine("building", done, total, ["12,345,678 chunks", "123 MB new"], 2, columns);
      t.true(line.length <= columns, `${columns}: ${line}`);
      t.regex(line, /^[ -~]*$/, "one cell a character, in every locale");
      if (columns >= 24) t.regex(line, / [MTP]?B/);
      if (total !== undefined && columns >= 15) t.regex(line, /\d %/, String(columns));
    }
  }
  t.is(progressLine("building", 5e6, 20e6, ["12 chunks"], 2, 20), "building  25 %");
  t.is(progressLine("building", 5e6, 20e6, ["12 chunks"], 2, 40), "building  25 %  5.0 MB  6.0 s left");
  t.is(
    progressLine("building", 5e6, 20e6, ["12 chunks"], 2, 79),
    "building [#####...............]  25 %  5.0 MB  12 chunks  2.5 MB/s  6.0 s left",
  );
});

test("columns are the lesser of the window's and COLUMNS; 80 if neither is known", (t) => {
  t.is(availableColumns(undefined, undefined), 80);
  t.is(availableColumns(40, ""), 40);
  t.is(availableColumns(40, "60"), 40);
  t.is(availableColumns(60, "40"), 40);
  t.is(availableColumns(undefined, "132"), 111);
  for (const text of ["0", "-1", "x", "1e3", "080"]) t.is(availableColumns(50, text), 50, text);
});

const serial = isBuilt ? test.serial : test.serial.skip;

/** The output to a terminal of that width; an escape character as ␛. */
async function sent(
  columns: number,
  command: string,
  env: Record<string, string>,
  directory: TestDirectory,
): Promise<string> {
  const stream = new Stream("terminal", "");
  stream.resize(columns);
  const timer = setInterval(() => stream.receive(), 1);
  await runOn(stream, `exec '${launcher}' ${command}`, directory.root, env).ended;
  clearInterval(timer);
  while (stream.receive() > 0);
  stream.close();
  return stream.received.toString().replaceAll("\x1b", "␛");
}

/** The lines that a terminal of that width shows after `text`, of which only colours are escape sequences. */
function screenAfter(text: string, columns: number): string[] {
  const rows: string[][] = [[]];
  let at = 0;
  for (const character of text.replaceAll(/␛\[\d*m/g, "")) {
    if (character === "\r") at = 0;
    else if (character === "\n") rows.push([]);
    else {
      if (at === columns) {
        rows.push([]);
        at = 0;
      }
      (rows.at(-1) as string[])[at++] = character;
    }
  }
  return rows.map((row) =>
    Array.from(row, (character) => character ?? " ")
      .join("")
      .trimEnd(),
  );
}

serial("on a terminal of any width the progress line is overwritten, and removed at the end", async (t) => {
  using directory = new TestDirectory();
  mkdirSync(directory.path("root"));
  for (let i = 0; i < 100; i++) writeFileSync(directory.path("root", `file${i}`), noise(`file ${i}`, 20_000));
  for (const columns of [0, 1, 10, 20, 80, 200]) {
    // The build takes longer than the tenth of a second before which nothing is drawn.
    const store = `store${columns}`;
    for (const command of [
      `build -c --level 19 root ${store}:v`,
      `verify ${store}`,
      `extract ${store}:v out${columns}`,
    ]) {
      const text = await sent(columns, command, { TERM: "xterm", COLUMNS: "" }, directory);
      if (command.startsWith("build") && columns !== 1 && columns !== 10) t.regex(text, /\rbuilding /, String(columns));
      t.deepEqual(
        screenAfter(text, columns || 80).filter((line) => /building|verifying|extracting|%  |\[#/.test(line)),
        [],
        `${columns}: ${command}: ${JSON.stringify(text)}`,
      );
      t.notRegex(text, /␛(?!\[\d*m)/, "no escape sequence but colours");
    }
  }
});

serial("with TERM=dumb or NO_COLOR no escape sequence is written; without a terminal no progress", async (t) => {
  using directory = new TestDirectory();
  mkdirSync(directory.path("root"));
  writeFileSync(directory.path("root/file"), "x".repeat(100_000));
  for (const env of [{ TERM: "dumb" }, { TERM: "" }, { TERM: "xterm", NO_COLOR: "1" }] as Record<string, string>[]) {
    for (const command of ["build root store:v", "verify store", "tags store", "ls store:none", "nonsense"]) {
      const text = await sent(80, command, { NO_COLOR: "", ...env }, directory);
      t.notRegex(text, /␛/, `${JSON.stringify(env)} ${command}`);
      if (env["TERM"] === "dumb") t.notRegex(text, /\r(?!\n)/, command);
    }
  }
  t.regex(await sent(80, "nonsense", { TERM: "xterm", NO_COLOR: "" }, directory), /␛\[31m/, "else there are some");
  const { stdout, stderr } = await runProgram(launcher, ["build", "root", "store:w"], directory.root);
  t.false(/\r/.test(stdout + stderr) || stderr.includes("\x1b"));
});
