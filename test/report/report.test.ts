/** The page and the data of `report`, by programs and parsers of other projects, and without a browser. */
import { createHash } from "node:crypto";
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise, prose } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { attempt, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { chunkDigests } from "../support/images.ts";
import { attributeOf, Page, parseXml } from "./page.ts";

const scratch = new Scratch();
test.after.always(() => scratch.remove());

interface Count {
  blobs: number;
  bytes: number;
}

interface Report {
  images: {
    name: string;
    tags: string[];
    digest: string;
    kind: string;
    stored: Count | null;
    frees: Count | null;
    growth: { added: Count; total: Count } | null;
    content: { bytes: number; stored: number; chunks: number; missing: number } | null;
    areas: { path: string; files: number; content: number; stored: number }[] | null;
  }[];
  needed: Count;
  alone: number;
  sharing: { images: number[]; bytes: number[][]; omitted: number };
  chunks: { chunks: number; bytes: number; classes: { chunks: number; bytes: number }[] };
  packs: { digest: string; bytes: number; needed: number; images: number }[];
  garbage: { needed: Count; freed: Count } | null;
  garbageProblem: string | null;
  problems: { image: string; message: string }[];
}

const reportOf = (store: string): Report => JSON.parse(run(puzzlefs, ["report", "--json", store])) as Report;
const pageOf = (store: string): Page => new Page(decoded(run(puzzlefs, ["report", "-o", "-", store])));
/** Output of programs is latin1 here. */
const decoded = (text: string): string => Buffer.from(text, "latin1").toString("utf8");
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
const shown = (bytes: number): string =>
  bytes < 999.5 ? `${bytes} B` : `${(bytes / 1000).toFixed(bytes < 99950 ? 1 : 0)} kB`;

/** A tree with some directories. */
function makeTree(): string {
  const tree = scratch.directory("tree");
  for (const [name, size] of [
    ["usr/lib/a", 300_000],
    ["usr/share/doc/b", 90_000],
    ["var/c", 40_000],
    ["top", 20_000],
  ] as const) {
    mkdirSync(join(tree, name, ".."), { recursive: true });
    writeFileSync(join(tree, name), noise(name, size));
  }
  for (let i = 0; i < 30; i++) writeFileSync(join(tree, `var/small-${i}`), prose(i, 200 + i));
  return tree;
}

/** Versions of a tree in one store, loose; a removed one leaves blobs that no image needs. */
function makeStore(...options: string[]): string {
  const [tree, store] = [makeTree(), scratch.fresh("store")];
  for (const tag of ["v1", "gone", "v2", "v3"]) {
    writeFileSync(join(tree, "usr/lib", `new-${tag}`), noise(tag, 60_000));
    run(puzzlefs, ["build", "-c", ...options, tree, `${store}:${tag}`]);
  }
  run(puzzlefs, ["untag", `${store}:gone`]);
  return store;
}

/** No markup but what the page is made of, nothing that runs or loads, and well-formed charts. */
function isHarmless(t: ExecutionContext, page: Page): void {
  t.deepEqual(page.errors, []);
  const known =
    "html head meta title style body header main footer section div details summary h1 h2 h3 p strong ul li dl dt dd code table thead tbody tr th td svg g path rect text line".split(
      " ",
    );
  t.deepEqual(
    [...new Set(page.elements.map(({ tagName }) => tagName))].filter((name) => !known.includes(name)),
    [],
  );
  const attributes = page.elements.flatMap(({ attrs }) => attrs);
  t.deepEqual(
    attributes.filter(({ name }) => /^on|href|^src|^action|^style$/.test(name)),
    [],
  );
  t.deepEqual(
    attributes.filter(({ name, value }) => name !== "aria-label" && /url\(|javascript:/i.test(value)),
    [],
  );
  t.is(page.named("style").length, 1);
  t.notRegex(page.text, /[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u);
  parseXml(page.charts());
}

test("the numbers are those of tags, find and the files of the store", (t) => {
  const store = makeStore();
  const report = reportOf(store);
  const tags = JSON.parse(run(puzzlefs, ["tags", "--json", store])) as Report["images"];
  t.deepEqual(
    report.images.map(({ digest, stored, frees, kind }) => ({ digest, stored, frees, kind })),
    tags.map(({ digest, stored, frees, kind }) => ({ digest, stored, frees, kind })),
  );
  t.deepEqual(
    report.images.map(({ name }) => name),
    ["v1", "v2", "v3"],
  );
  t.is(report.alone, sum(tags.map(({ stored }) => stored?.bytes ?? 0)));
  t.deepEqual(report.images.at(-1)?.growth?.total, report.needed);
  t.is(sum(report.images.map(({ growth }) => growth?.added.bytes ?? 0)), report.needed.bytes);
  const files = run("find", [join(store, "blobs/sha256"), "-type", "f", "-printf", "%s\n"])
    .trim()
    .split("\n")
    .map(Number);
  t.is(report.needed.bytes + (report.garbage?.freed.bytes ?? 0), sum(files));
  t.is(report.garbage?.needed.bytes, report.needed.bytes);
  t.is(report.garbage?.freed.blobs, 2, "the metadata and the manifest of the untagged image");
  t.deepEqual(report.problems, []);

  const [v1 = [], v2 = []] = ["v1", "v2"].map((tag) => chunkDigests(store, tag));
  const both = v1
    .filter((digest) => v2.includes(digest))
    .map((digest) => statSync(join(store, "blobs/sha256", digest)).size);
  t.is(report.sharing.bytes[0]?.[1], sum(both) + 2, "and the configuration");
  const distinct = new Set([...v1, ...v2, ...chunkDigests(store, "v3")]);
  t.is(report.chunks.chunks, distinct.size);
  t.is(report.chunks.bytes, sum([...distinct].map((digest) => statSync(join(store, "blobs/sha256", digest)).size)));
  t.is(sum(report.chunks.classes.map(({ chunks }) => chunks)), distinct.size);

  const target = scratch.fresh("extracted");
  run(puzzlefs, ["extract", `${store}:v3`, target]);
  const { areas, content } = report.images[2] as Report["images"][number];
  const sizes = run("find", [target, "-type", "f", "-printf", "%s\n"]).trim().split("\n").map(Number);
  t.is(sum(areas?.map((area) => area.content) ?? []), sum(sizes));
  t.is(sum(areas?.map((area) => area.files) ?? []), sizes.length);
  t.deepEqual([sum(areas?.map((area) => area.stored) ?? [])], [content?.stored]);
  const inLib = run("find", [join(target, "usr/lib"), "-type", "f", "-printf", "%s\n"])
    .trim()
    .split("\n")
    .map(Number);
  t.deepEqual(
    areas?.filter(({ path }) => path === "/usr/lib").map((area) => area.content),
    [sum(inLib)],
  );
});

test("the page has the numbers of the JSON output, is well-formed, and the same each time", (t) => {
  const store = makeStore();
  const report = reportOf(store);
  const page = pageOf(store);
  isHarmless(t, page);
  t.is(page.text, pageOf(store).text);
  t.deepEqual(
    page.table("Table: what each image added").map(([name, added]) => [name, added]),
    report.images.map(({ name, growth }) => [name, shown(growth?.added.bytes ?? 0)]),
  );
  t.deepEqual(
    page.table("All images").map(([name, stored, frees]) => [name, stored, frees]),
    report.images.map(({ name, stored, frees }) => [name, shown(stored?.bytes ?? 0), shown(frees?.bytes ?? 0)]),
  );
  t.deepEqual(
    page.table("Table: what images share").map(([, , bytes]) => bytes),
    [
      shown(report.sharing.bytes[0]?.[1] ?? 0),
      shown(report.sharing.bytes[0]?.[2] ?? 0),
      shown(report.sharing.bytes[1]?.[2] ?? 0),
    ],
  );
  t.deepEqual(
    page.table("Table: directories of v3").map(([path, , stored]) => [path, stored]),
    report.images[2]?.areas?.map(({ path, stored }) => [path, shown(stored)]),
  );
  const labels = page.texts("text");
  for (const { growth } of report.images) t.true(labels.includes(`+${shown(growth?.added.bytes ?? 0)}`));
  const charts = page.elements.filter((element) => attributeOf(element, "role") === "img");
  t.is(charts.length, 7, "growth, sharing, three of directories, chunks, what no image needs");
  for (const chart of charts) t.true((attributeOf(chart, "aria-label") ?? "").length > 20);
  t.is(page.texts("summary").length, charts.length, "a table for each chart");
});

test("dead bytes are what the chunks of the images leave of their packs", (t) => {
  const [tree, store, loose] = [makeTree(), scratch.fresh("store"), scratch.fresh("loose")];
  // So that less than a quarter is dead, and the pack is kept.
  writeFileSync(join(tree, "large"), noise("large", 2_000_000));
  run(puzzlefs, ["build", "-c", "--packed", tree, `${store}:v1`]);
  for (const [removed, base, tag] of [
    ["usr/share", "v1", "v2"],
    ["var", "v2", "v3"],
  ] as const) {
    rmSync(join(tree, removed), { recursive: true });
    run(puzzlefs, ["build", "-c", "--packed", "-b", base, tree, `${store}:${tag}`]);
  }
  for (const tags of [
    ["v1", "v2", "v3"],
    ["v2", "v3"],
  ]) {
    cpSync(store, loose, { recursive: true });
    for (const tag of tags) run(puzzlefs, ["unpack", `${loose}:${tag}`]);
    const chunks = new Set(tags.flatMap((tag) => chunkDigests(loose, tag)));
    const needed = sum([...chunks].map((digest) => statSync(join(loose, "blobs/sha256", digest)).size));
    rmSync(loose, { recursive: true });
    const { packs } = reportOf(store);
    t.is(sum(packs.map((pack) => pack.needed)), needed);
    for (const { digest, bytes } of packs) t.is(statSync(join(store, "blobs/sha256", digest)).size, bytes);
    const dead = sum(packs.map(({ bytes }) => bytes)) - needed;
    if (tags.length === 3) t.is(dead, 0);
    else t.true(dead > 80_000 && dead < 120_000, "the files below usr/share");
    const page = pageOf(store);
    isHarmless(t, page);
    const label = page.texts("p").find((text) => text.includes("are dead"));
    t.true(label?.startsWith(`${shown(dead)} of `), label);
    if (tags.length === 3) run(puzzlefs, ["untag", `${store}:v1`]);
  }
});

const HOSTILE = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "</style></svg></table><b>",
  "]]><!-- &lt;b&gt; &amp;",
  "' onmouseover='alert(1)",
  "{{7*7}} ${7*7} javascript:alert(1)",
  "right\u202eleft \u0007 \u001b[31m \n line",
  "\u{1f600} é \ud800",
];

test("no name, tag, platform or media type becomes markup", (t) => {
  const tree = scratch.directory("hostile");
  for (const [i, name] of HOSTILE.entries()) {
    const directory = join(tree, name.replaceAll("/", "\u2044"));
    mkdirSync(directory);
    writeFileSync(join(directory, "file"), noise(i, 30_000));
  }
  const bytes = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0x3c, 0xff, 0x26, 0x80, 0x0a, 0x3e])]);
  mkdirSync(bytes);
  writeFileSync(Buffer.concat([bytes, Buffer.from("/file")]), noise("bytes", 30_000));
  const store = join(scratch.directory("a&b"), '<i>"store');
  run(puzzlefs, ["build", "-c", tree, `${store}:first`]);
  const index = join(store, "index.json");
  const { manifests } = JSON.parse(readFileSync(index, "utf8")) as { manifests: { digest: string; size: number }[] };
  const [entry] = manifests as [{ digest: string; size: number }];
  const tagged = (tag: string): object => ({ "org.opencontainers.image.ref.name": tag });
  const entries = HOSTILE.map((text, i) => {
    // Another manifest for each, so that each is an image.
    const manifest = JSON.parse(readFileSync(join(store, "blobs/sha256", entry.digest.slice(7)), "utf8")) as object;
    const content = JSON.stringify({ ...manifest, annotations: { i } });
    const hex = createHash("sha256").update(content).digest("hex");
    writeFileSync(join(store, "blobs/sha256", hex), content);
    const platform = { os: text, architecture: text };
    return { ...entry, digest: `sha256:${hex}`, size: Buffer.byteLength(content), annotations: tagged(text), platform };
  });
  const foreign = HOSTILE.map((text) => ({
    ...entry,
    mediaType: text,
    annotations: tagged(text),
    digest: `sha512:${text}`,
  }));
  writeFileSync(index, JSON.stringify({ schemaVersion: 2, manifests: [...manifests, ...foreign, ...entries] }));
  const page = pageOf(store);
  isHarmless(t, page);
  const cells = page.texts("td").join("\n");
  for (const text of ["<script>alert(1)</script>", "</style></svg></table><b>", "{{7*7}} ${7*7} javascript:alert(1)"])
    t.true(cells.includes(text), text);
  t.true(cells.includes("\\xff&\\x80\\x0a>"));
  t.true(cells.includes("right\\u202eleft \\x07 \\x1b[31m \\x0a line"));
  t.is(page.texts("h1")[0], `Store ${store}`);
});

test("what cannot be read is named, the rest is there, and the exit code is that of damage", (t) => {
  const store = makeStore();
  const { images } = reportOf(store);
  const blob = (hex: string): string => join(store, "blobs/sha256", hex);
  const manifest = JSON.parse(readFileSync(blob(images[0]?.digest ?? ""), "utf8")) as { layers: { digest: string }[] };
  const [metadata = "", chunk = ""] = manifest.layers.map(({ digest }) => digest.slice(7));
  const intact = readFileSync(blob(metadata));
  appendFileSync(blob(metadata), "damage");
  const page = join(scratch.directory("out"), "page.html");
  const damaged = attempt(puzzlefs, ["report", store, "-o", page]);
  t.is(damaged.status, 3);
  t.regex(damaged.stderr, /^puzzlefs: warning: v1: metadata blob sha256:[0-9a-f]{64} does not have the size/m);
  const shownPage = new Page(readFileSync(page, "utf8"));
  isHarmless(t, shownPage);
  t.true(shownPage.texts("li").some((text) => text.startsWith("v1: metadata blob sha256:")));
  t.deepEqual(
    shownPage.table("All images").map(([name, , , content]) => [name, content !== "-"]),
    [
      ["v1", false],
      ["v2", true],
      ["v3", true],
    ],
  );
  writeFileSync(blob(metadata), intact);

  rmSync(blob(chunk));
  const lacking = attempt(puzzlefs, ["report", "--json", store]);
  t.is(lacking.status, 4);
  const found = JSON.parse(lacking.stdout) as Report;
  t.true(found.problems.length > 0);
  for (const { message } of found.problems) t.is(message, "1 of its chunks is not in the layout");
  t.is(found.images[0]?.content?.missing, 1);

  rmSync(blob(images[1]?.digest ?? ""));
  const missing = attempt(puzzlefs, ["report", "--json", store]);
  t.is(missing.status, 4);
  const lost = JSON.parse(missing.stdout) as Report;
  t.deepEqual([lost.images[1]?.kind, lost.images[1]?.stored, lost.images[1]?.growth], ["missing", null, null]);
  t.true(lost.problems.some(({ image, message }) => image === "v2" && message.endsWith("no such blob")));
  t.is(lost.garbage, null);
  t.regex(lost.garbageProblem ?? "", /what "v2" needs is not known/);
  const rest = attempt(puzzlefs, ["report", store]);
  t.true(
    new Page(decoded(rest.stdout)).texts("p").some((text) => text.startsWith("It is not known what no image needs")),
  );
});

test("of a hundred images the last ones are compared, and the page has the number of those left out", (t) => {
  const store = makeStore();
  const index = join(store, "index.json");
  const { manifests } = JSON.parse(readFileSync(index, "utf8")) as { manifests: { digest: string; size: number }[] };
  const [entry] = manifests as [{ digest: string; size: number }];
  const manifest = JSON.parse(readFileSync(join(store, "blobs/sha256", entry.digest.slice(7)), "utf8")) as object;
  const entries = Array.from({ length: 100 }, (_, i) => {
    const content = JSON.stringify({ ...manifest, annotations: { i } });
    const hex = createHash("sha256").update(content).digest("hex");
    writeFileSync(join(store, "blobs/sha256", hex), content);
    const annotations = { "org.opencontainers.image.ref.name": `n${i}` };
    return { ...entry, digest: `sha256:${hex}`, size: Buffer.byteLength(content), annotations };
  });
  // Another tag of the last one is the same image.
  const again = { ...entries.at(-1), annotations: { "org.opencontainers.image.ref.name": "latest" } };
  writeFileSync(index, JSON.stringify({ schemaVersion: 2, manifests: [...entries, again] }));
  const report = reportOf(store);
  t.is(report.images.length, 100);
  t.deepEqual(report.images.at(-1)?.tags, ["n99", "latest"]);
  t.deepEqual(
    report.sharing.images,
    Array.from({ length: 24 }, (_, i) => 76 + i),
  );
  t.is(report.sharing.omitted, 76);
  const page = pageOf(store);
  isHarmless(t, page);
  const notes = page.texts("p").join("\n");
  t.regex(notes, /Only the last 24 images are compared; 76 earlier ones are left out\./);
  t.regex(notes, /The first 60 images are one bar\./);
  t.regex(notes, /Only the last 3 images of 100 are shown; --directories shows more\./);
  t.is(page.table("Table: what each image added").length, 100);
  t.true(page.text.length < 1_000_000, `${page.text.length}`);
});

test("a file is replaced as a whole, and stays what it was if the layout cannot be read", (t) => {
  const store = makeStore();
  const directory = scratch.directory("out");
  const page = join(directory, "report.html");
  writeFileSync(page, "before");
  const failed = attempt(puzzlefs, ["report", join(directory, "none"), "-o", page]);
  t.is(failed.status, 1);
  t.is(readFileSync(page, "utf8"), "before");
  t.regex(run(puzzlefs, ["report", store, "-o", page]), /report\.html: 3 images, [\d.]+ kB\n$/);
  t.is(readFileSync(page, "utf8"), pageOf(store).text);
  t.deepEqual(readdirSync(directory), ["report.html"]);
  t.is(attempt(puzzlefs, ["report", store, "--directories", "-1"]).status, 2);
  const none = new Page(decoded(run(puzzlefs, ["report", store, "--directories", "0"])));
  t.false(none.texts("h2").includes("Where the bytes are"));
});

test("an empty layout, and one with entries of other tools only, have a page", (t) => {
  const store = makeStore();
  const index = join(store, "index.json");
  writeFileSync(index, '{"schemaVersion":2,"manifests":[]}');
  const empty = pageOf(store);
  isHarmless(t, empty);
  t.true(empty.texts("p").includes("The store has no images."));
  const digest = `sha256:${readdirSync(join(store, "blobs/sha256"))[0]}`;
  writeFileSync(index, JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: "text/plain", digest, size: 1 }] }));
  const foreign = pageOf(store);
  isHarmless(t, foreign);
  t.true(foreign.table("All images")[0]?.includes("foreign: text/plain"));
});
