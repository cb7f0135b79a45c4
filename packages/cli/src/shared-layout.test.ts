/** Layouts that skopeo, umoci, oras and buildah write to as well: entries of theirs are reported, ignored and kept. */
import { readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import type { Outcome } from "./program-fixture.ts";
import { INDEX, MANIFEST, SharedLayout, tagged } from "./shared-layout-fixture.ts";

/** Entries of other tools, by the tag that they get, with what an error calls them. */
function foreignEntries(directory: SharedLayout): [tag: string, entry: object, what: RegExp][] {
  const config = directory.stored("application/vnd.oci.image.config.v1+json", { architecture: "amd64", os: "linux" });
  const tar = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: directory.blob("an archive"), size: 10 };
  const archives = directory.stored(MANIFEST, { schemaVersion: 2, config, layers: [tar] });
  const docker = "application/vnd.docker.distribution.manifest.v2+json";
  const artifact = { schemaVersion: 2, artifactType: "application/spdx+json", config, layers: [] };
  const absent = `sha256:${"0".repeat(64)}`;
  return [
    ["archives", archives, /of application\/vnd\.oci\.image\.layer\.v1\.tar$/m],
    [
      "docker",
      directory.stored(docker, { schemaVersion: 2, config, layers: [tar] }),
      /docker\.distribution\.manifest\.v2\+json$/m,
    ],
    [
      "multi",
      directory.stored(INDEX, { schemaVersion: 2, manifests: [archives, { ...archives, digest: absent }] }),
      /image\.index/,
    ],
    ["hollow", directory.stored(INDEX, { schemaVersion: 2, manifests: null }), /image\.index/],
    ["artifact", directory.stored(MANIFEST, artifact), /of application\/spdx\+json$/m],
    [
      "layers",
      directory.stored(MANIFEST, { schemaVersion: 2, layers: null, config: null }),
      /not application\/vnd\.oci\.image\.manifest/,
    ],
    [
      "many",
      directory.stored(MANIFEST, {
        layers: [tar],
        annotations: Object.fromEntries([...Array(99).keys()].map((i) => [i, ""])),
      }),
      /v1\.tar$/m,
    ],
    ["text", directory.stored(MANIFEST, [1]), /not application\/vnd\.oci\.image\.manifest/],
    ["sha512", { ...archives, digest: `sha512:${"0".repeat(128)}` }, /without a sha256/],
    ["large", { ...archives, size: 2 ** 40 }, /of 1099511627776 bytes/],
    ["unknown", { ...archives, mediaType: "x/y" }, /x\/y$/m],
    ["odd", { digest: 1, size: "1", mediaType: {}, platform: null }, /unknown media type/],
  ];
}

const untagged = [
  null,
  1,
  {},
  { annotations: null, platform: null, digest: null, mediaType: null, size: null },
  { annotations: { a: 1 } },
];

/** Every command that takes an image, with one. */
const commands = (image: string): string[][] => [
  ["ls", image],
  ["cat", image, "/file"],
  ["stat", image, "/file"],
  ["dump", image],
  ["inspect", image],
  ["extract", image, "out"],
  ["verify", image],
  ["mount", image, "root"],
  ["enable-fs-verity", image, "0".repeat(64)],
  ["canonicalize", image, "store:made"],
  ["commit", image, "root", "store:made"],
];

test.serial("entries of other tools hide no image of puzzlefs, and make no layout corrupt", async (t) => {
  using directory = await SharedLayout.make(t);
  const foreign = foreignEntries(directory);
  directory.setEntries([...untagged, ...foreign.map(([tag, entry]) => tagged(tag, entry)), ...directory.entries()]);
  t.is(await directory.good(t, "cat", "store:v1", "/file"), "ours\n");
  const count = foreign.length + untagged.length;
  t.regex(
    await directory.good(t, "verify", "store"),
    new RegExp(`^1 image, ${count} foreign entries \\(.*\\), \\d+ blobs, .*: good\n$`),
  );
  const report = JSON.parse(await directory.good(t, "verify", "--json", "store")) as {
    images: string[];
    foreign: object[];
  };
  t.deepEqual([report.images, report.foreign.length], [["v1"], count]);
  const listed = JSON.parse(await directory.good(t, "tags", "--json", "store")) as { tag: string; kind: string }[];
  t.deepEqual(
    listed.filter(({ kind }) => kind === "puzzlefs").map(({ tag }) => tag),
    ["v1"],
  );
  t.is(listed.filter(({ kind }) => kind === "foreign").length, count);
  const shown = await directory.good(t, "tags", "store");
  for (const [tag, , what] of foreign) t.regex(shown, new RegExp(`^${tag} .*foreign: .*${what.source}`, "m"));
});

test.serial("every command refuses a foreign entry with its media type", async (t) => {
  using directory = await SharedLayout.make(t);
  const foreign = foreignEntries(directory);
  directory.setEntries([...foreign.map(([tag, entry]) => tagged(tag, entry)), ...directory.entries()]);
  const refused = async (argv: string[], what: RegExp): Promise<void> => {
    const { code, stdout, stderr } = await directory.run(...argv);
    t.deepEqual([code, stdout], [1, ""], `${argv.join(" ")}: ${stderr}`);
    t.regex(stderr, /not a PuzzleFS image: /, argv.join(" "));
    t.regex(stderr, what, argv.join(" "));
  };
  for (const argv of commands("store:archives")) await refused(argv, /v1\.tar$/m);
  for (const [tag, entry, what] of foreign) {
    await refused(["ls", `store:${tag}`], what);
    const { digest } = entry as { digest: unknown };
    if (["archives", "artifact", "text", "multi"].includes(tag))
      await refused(["ls", `store:${digest}`], /application/);
  }
  await refused(["build", "-b", "archives", "root", "store:v2"], /v1\.tar$/m);
});

test.serial(
  "a build keeps them byte for byte, and a tag that moves replaces only the entry of its own platform",
  async (t) => {
    using directory = await SharedLayout.make(t);
    const kept = [
      '{"size":18446744073709551617,"digest":"sha512:00", "z":1e2,"a":-0,"annotations":null}',
      `{"platform":{"os":"linux","architecture":"s390x"} ,"annotations":{"org.opencontainers.image.ref.name":"v1"}}`,
    ];
    const [ours] = directory.entries();
    const around = (entry: string) => `{ "x":[1.50,"\\u0061"],"manifests":[${kept[0]},\n${entry} , ${kept[1]}]}\n`;
    writeFileSync(directory.path("store/index.json"), around(JSON.stringify(ours)));
    await directory.build(t, "new\n", "root", "store:v1");
    const text = readFileSync(directory.path("store/index.json"), "utf8");
    const [first = ""] =
      /\{"annotations":\{"org[^}]*\}.*"platform":\{[^}]*\},"size":\d+\}/.exec(text.slice(text.indexOf("\n"))) ?? [];
    t.is(text, around(first));
    t.is(await directory.good(t, "cat", "store:v1", "/file"), "new\n");
  },
);

test.serial("verify checks images without a tag, each once, and blobs that no image needs", async (t) => {
  using directory = await SharedLayout.make(t, "x".repeat(100_000));
  const [entry = {}] = directory.entries();
  const { digest, size } = entry as { digest: string; size: number };
  const nested = directory.stored(INDEX, {
    manifests: [
      { mediaType: MANIFEST, digest, size },
      { mediaType: MANIFEST, digest, size },
    ],
  });
  const { runs } = JSON.parse(await directory.good(t, "inspect", "--json", "store:v1", "/file")) as {
    runs: { blob: string }[];
  };
  const path = directory.path("store/blobs/sha256", runs[0]?.blob ?? "");
  const content = readFileSync(path);
  const without = { ...entry, annotations: null };
  const forms: [entries: unknown[], images: string[]][] = [
    [[without], [digest]],
    [[nested], [digest]],
    [
      [tagged("multi", nested), without, tagged("again", entry)],
      ["multi", "again"],
    ],
  ];
  for (const [entries, images] of forms) {
    directory.setEntries(entries);
    const report = JSON.parse(await directory.good(t, "verify", "--json", "store")) as {
      images: string[];
      blobs: number;
    };
    t.deepEqual(report.images, images);
    unlinkSync(path);
    const { code, stderr } = await directory.run("verify", "store");
    t.is(code, 3);
    t.is(stderr.match(/is missing from the store/g)?.length, 1, stderr);
    writeFileSync(path, content);
  }
  const stray = "ab".repeat(32);
  writeFileSync(directory.path("store/blobs/sha256", stray), "not what its name promises");
  const { code, stdout, stderr } = await directory.run("verify", "store");
  t.is(code, 3);
  t.regex(stderr, new RegExp(`^puzzlefs: blob sha256:${stray} does not have the sha256`));
  t.regex(stdout, /: 1 error\n$/);
});

test.serial("a missing manifest is an error under a tag, and ignored without one", async (t) => {
  using directory = await SharedLayout.make(t);
  const lost = { mediaType: MANIFEST, digest: `sha256:${"0".repeat(64)}`, size: 5 };
  directory.setEntries([lost, ...directory.entries()]);
  t.regex(await directory.good(t, "verify", "store"), /^1 image, 1 foreign entry \(.*\), /);
  t.regex(await directory.good(t, "tags", "store"), /^- +0{64} +5 B +- +- +not in the layout$/m);
  directory.setEntries([tagged("lost", lost), ...directory.entries()]);
  const { code, stderr } = await directory.run("verify", "store");
  t.deepEqual([code, /0{64}: no such blob$/m.test(stderr)], [3, true], stderr);
  t.is((await directory.run("ls", "store:lost")).code, 1);
  t.is(await directory.good(t, "ls", "store:v1"), "file\n");
});

/** Fails with exit code 1 and a message that matches `words`. */
async function fails(t: ExecutionContext, directory: SharedLayout, argv: string[], words: RegExp): Promise<void> {
  const { code, stdout, stderr } = await directory.run(...argv);
  t.deepEqual([code, stdout], [1, ""], `${argv.join(" ")}: ${stderr}`);
  t.regex(stderr, words, argv.join(" "));
}

test.serial("without index.json or oci-layout it is no layout, for every command but build", async (t) => {
  using directory = await SharedLayout.make(t);
  const [{ digest } = {}] = directory.entries();
  rmSync(directory.path("store/index.json"));
  for (const argv of [...commands("store:v1"), ["tags", "store"], ["verify", "store"]])
    await fails(t, directory, argv, /store\/index\.json: no such file/);
  t.is(await directory.good(t, "cat", `store:${String(digest)}`, "/file"), "ours\n", "a digest needs no index");
  await directory.good(t, "build", "root", "store:v2");
  t.deepEqual(directory.entries().length, 1);
  rmSync(directory.path("store/oci-layout"));
  for (const argv of [...commands("store:v2"), ["tags", "store"], ["verify", "store"]])
    await fails(t, directory, argv, /store: not an OCI layout: it has no oci-layout/);
  await directory.good(t, "build", "root", "store:v3");
  t.is(directory.entries().length, 2);
});

/** Runs a command; returns its outcome and the most memory that it had, MiB. */
async function measured(directory: SharedLayout, command: string): Promise<Outcome & { memory: number }> {
  // The program has no process.stderr.
  const hook =
    'import { writeFileSync } from "node:fs";' +
    'process.on("exit", () => writeFileSync("peak", `${process.resourceUsage().maxRSS}`));';
  writeFileSync(directory.path("peak.mjs"), hook);
  rmSync(directory.path("peak"), { force: true });
  const outcome = await directory.shell(`export NODE_OPTIONS="--import=$PWD/peak.mjs"\npuzzlefs ${command}`);
  return { ...outcome, memory: Number(readFileSync(directory.path("peak"), "utf8")) / 1024 };
}

test.serial("an index takes no more memory than a few times its size, or is refused", async (t) => {
  using directory = await SharedLayout.make(t);
  const { memory: least } = await measured(directory, "ls store:v1");
  const entry = JSON.stringify(directory.entries()[0]);
  const filled = (piece: string) => piece.repeat(Math.floor(((8 << 20) - 1000) / piece.length));
  const texts = [
    "[],",
    '{"a":{}},',
    "1,",
    '{"digest":"a:b"},',
    '{"digest":"sha512:0123456789012345678901234567890123456789012345678901234567"},',
  ];
  for (const piece of texts) {
    const indexes = [`{"manifests":[${filled(piece)}${entry}]}`, `{"x":[${filled(piece)}0],"manifests":[${entry}]}`];
    for (const index of indexes)
      for (const command of ["ls store:v1", "tags store"]) {
        writeFileSync(directory.path("store/index.json"), index);
        const { code, stderr, memory } = await measured(directory, command);
        t.true(code === 0 || /more than 100000 entries/.test(stderr), `${command}, ${piece}: ${stderr}`);
        t.true(memory - least < 80, `${command}, ${piece}: ${memory} MiB instead of ${least}`);
      }
  }
});
