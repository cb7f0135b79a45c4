import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { EMPTY_CONFIG, sha256Hex } from "@puzzlefs/oci";
import test, { type ExecutionContext } from "ava";
import { TestDirectory } from "./program-fixture.ts";

const large = Buffer.from(Array.from({ length: 400_000 }, (_, i) => (i * i) >> 7));

/** A test directory with a small tree that is image `store:v1`, built with `options`. */
async function withImage(t: ExecutionContext, ...options: string[]): Promise<TestDirectory> {
  const directory = new TestDirectory();
  mkdirSync(directory.path("root/directory/empty"), { recursive: true });
  writeFileSync(directory.path("root/large"), large);
  writeFileSync(directory.path("root/directory/small"), "content\n");
  chmodSync(directory.path("root/directory/small"), 0o640);
  linkSync(directory.path("root/directory/small"), directory.path("root/second"));
  symlinkSync("directory/small", directory.path("root/link"));
  writeFileSync(Buffer.concat([Buffer.from(directory.path("root/")), Buffer.from([0x6e, 0x0a, 0xff])]), "");
  const { code, stdout, stderr } = await directory.run("build", ...options, "root", "store:v1");
  t.is(code, 0, stderr);
  t.regex(stdout, /^puzzlefs image manifest digest: [0-9a-f]{64}\n$/m);
  return directory;
}

async function good(t: ExecutionContext, directory: TestDirectory, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await directory.run(...argv);
  t.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

async function json(t: ExecutionContext, directory: TestDirectory, ...argv: string[]) {
  return JSON.parse(await good(t, directory, ...argv));
}

/** The path of a blob, by its hex sha256. */
function blob(directory: TestDirectory, digest: string): string {
  return directory.path("store/blobs/sha256", digest);
}

/** Changes one byte in the middle of a file, or cuts the file there. */
function damage(path: string, how: "change" | "cut"): void {
  const bytes = readFileSync(path);
  const middle = bytes.length >> 1;
  bytes[middle] ^= 1;
  if (how === "cut") truncateSync(path, middle);
  else writeFileSync(path, bytes);
}

test.serial("build: the last line is the fs-verity digest, before it the manifest's sha256", async (t) => {
  using directory = await withImage(t);
  const stdout = await good(t, directory, "build", "root", "store:again");
  const [tags, summary] = [
    await json(t, directory, "tags", "--json", "store"),
    await json(t, directory, "inspect", "--json", "store:v1"),
  ];
  t.deepEqual(
    tags.map(({ tag }: { tag: string }) => tag),
    ["v1", "again"],
  );
  t.deepEqual(stdout.trimEnd().split("\n").slice(-2), [
    `manifest  sha256:${tags[1].digest}`,
    `puzzlefs image manifest digest: ${summary.manifestVerity}`,
  ]);
  t.is(tags[0].digest, tags[1].digest);
  t.is(summary.manifest, tags[0].digest);
});

test.serial("build --json: equal trees make equal images, and no new blobs", async (t) => {
  using directory = await withImage(t);
  const built = await json(t, directory, "build", "--json", "root", "store:again");
  t.is(
    Object.keys(built).join(" "),
    "manifest manifestVerity metadata files entries bytes chunks newBlobs newBytes savedBytes metadataBytes manifestBytes seconds omissions repaired",
  );
  const { files, entries, bytes, newBlobs, newBytes, savedBytes } = built;
  const content = large.length + 8;
  t.deepEqual([files, entries, bytes, newBlobs, newBytes, savedBytes], [3, 7, content, 0, 0, content]);
});

test.serial("the older form takes the tag as an argument of its own", async (t) => {
  using directory = await withImage(t);
  await good(t, directory, "build", "-c", "root", "other:store", "old");
  t.is((await json(t, directory, "tags", "--json", "other:store"))[0].tag, "old");
  t.is(await good(t, directory, "cat", "other:store:old", "/second"), "content\n");
});

test.serial("build -b writes a layer over a base", async (t) => {
  using directory = await withImage(t);
  writeFileSync(directory.path("root/new"), "new\n");
  await good(t, directory, "build", "--base-layer", "v1", "--compression", "root", "store:v2");
  const { layers, inodes } = await json(t, directory, "inspect", "--json", "store:v2");
  t.is(layers.length, 2);
  t.is(inodes.total, 8);
  t.is(await good(t, directory, "cat", "store:v2", "/new", "/second"), "new\ncontent\n");
});

const configuration = {
  architecture: "arm64",
  os: "linux",
  variant: "v8",
  config: { Entrypoint: ["/bin/sh", "-c"], Env: ["A=b c"], Labels: { title: "\u001b[31mred" }, User: "1:2", Other: 1 },
  rootfs: { type: "layers", diff_ids: ["sha256:other"] },
};

test.serial("build --config: stored byte for byte, listed, verified, shown", async (t) => {
  using directory = await withImage(t);
  const text = `${JSON.stringify(configuration, null, 3)}\n`;
  writeFileSync(directory.path("config.json"), text);
  await good(t, directory, "build", "--config", "config.json", "root", "store:v2");
  const { config, ...rest } = await json(t, directory, "inspect", "--json", "store:v2");
  t.deepEqual(config, {
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: sha256Hex(Buffer.from(text)),
    bytes: text.length,
    content: configuration,
  });
  t.is(readFileSync(blob(directory, config.digest), "utf8"), text);
  t.is(rest.metadata, (await json(t, directory, "inspect", "--json", "store:v1")).metadata);
  const { manifests } = JSON.parse(readFileSync(directory.path("store/index.json"), "utf8"));
  t.deepEqual(manifests[1].platform, { architecture: "arm64", os: "linux", variant: "v8" });
  const shown = await good(t, directory, "inspect", "store:v2");
  t.regex(shown, /^platform +linux\/arm64\/v8$/m);
  t.regex(shown, /^entrypoint +\/bin\/sh -c\nuser +1:2\nenvironment +'A=b c'\nlabels +'title=\\x1b\[31mred'$/m);
  t.is(await good(t, directory, "dump", "store:v2"), await good(t, directory, "dump", "store:v1"));

  const again = await directory.shell("puzzlefs build --json --config <(cat config.json) root other:v2");
  t.is(JSON.parse(again.stdout).manifest, rest.manifest, "the same bytes, from a pipe too");

  damage(blob(directory, config.digest), "change");
  const { code, stderr } = await directory.run("verify", "store:v2");
  t.is(code, 3);
  t.regex(stderr, new RegExp(`^puzzlefs: blob sha256:${config.digest} `));
  t.is((await directory.run("inspect", "store:v2")).code, 3);
});

test.serial("an image without --config has the empty configuration", async (t) => {
  using directory = await withImage(t);
  const { config, manifest } = await json(t, directory, "inspect", "--json", "store:v1");
  t.is(config, null);
  t.regex(await good(t, directory, "inspect", "store:v1"), /^config +empty$/m);
  t.deepEqual(JSON.parse(readFileSync(blob(directory, manifest), "utf8")).config, EMPTY_CONFIG);
});

test.serial("an invalid configuration is refused before any file is created", async (t) => {
  using directory = await withImage(t);
  mkdirSync(directory.path("directory"));
  writeFileSync(directory.path("list"), "[]");
  const cases: [config: string, message: RegExp][] = [
    ["list", /^puzzlefs: list: not an image configuration: it is not an object\n$/],
    ["/dev/null", /^puzzlefs: \/dev\/null: not an image configuration: not JSON$/m],
    ["/dev/zero", /^puzzlefs: \/dev\/zero: not an image configuration: larger than 4194304 bytes\n$/],
    ["directory", /^puzzlefs: directory: no configuration to read: is a directory\n$/],
    ["nowhere", /^puzzlefs: nowhere: no configuration to read: no such file or directory\n$/],
  ];
  for (const [config, message] of cases) {
    const { code, stderr } = await directory.run("build", "--config", config, "root", "other:v1");
    t.is(code, 1);
    t.regex(stderr, message);
    t.false(existsSync(directory.path("other")));
  }
});

test.serial("ls: names in byte order, bytes that do not print escaped", async (t) => {
  using directory = await withImage(t);
  t.is(await good(t, directory, "ls", "store:v1"), "directory\nlarge\nlink\nn\\x0a\\xff\nsecond\n");
  const below = await good(t, directory, "ls", "-R", "store:v1", "directory");
  t.is(below, "/directory\n/directory/empty\n/directory/small\n");
  const lines = (await good(t, directory, "ls", "--json", "store:v1")).trimEnd().split("\n");
  const found = JSON.parse(lines[2]);
  t.like(found, { name: "link", kind: "lnk", mode: 0o120777, nlink: 1, size: 15, target: "directory/small" });
  t.regex(await good(t, directory, "ls", "-l", "store:v1", "directory"), /^-rw-r----- {3}2 .* 8 - +small$/m);
});

for (const options of [[], ["-c"], ["-c", "--frame-size", "4K"], ["--chunking", "stream"]]) {
  test.serial(`cat prints a file's bytes: build ${options.join(" ")}`, async (t) => {
    using directory = await withImage(t, ...options);
    const content = await good(t, directory, "cat", "store:v1", "/large", "/link");
    t.true(Buffer.from(content, "latin1").equals(Buffer.concat([large, Buffer.from("content\n")])));
  });
}

test.serial("stat and inspect of a file", async (t) => {
  using directory = await withImage(t, "--mtime", "clamp:1000");
  const found = await json(t, directory, "stat", "--json", "store:v1", "/second");
  t.like(found, { name: "/second", kind: "file", mode: 0o100640, nlink: 2, size: 8, mtimeSeconds: 1000 });
  t.deepEqual(found.xattrs, []);
  t.regex(await good(t, directory, "stat", "store:v1", "/second"), /^mode +0640 -rw-r-----$/m);
  const { runs } = await json(t, directory, "inspect", "--json", "store:v1", "/large");
  t.is(
    runs.reduce((sum: number, run: { length: number }) => sum + run.length, 0),
    large.length,
  );
  t.deepEqual(Object.keys(runs[0]), ["fileOffset", "length", "blob", "blobOffset", "compressed", "hole"]);
});

test.serial("dump: an image, its source and what is extracted from it are equal", async (t) => {
  using directory = await withImage(t, "-c", "--mtime", "keep");
  const dump = await good(t, directory, "dump", "store:v1");
  t.is(await good(t, directory, "dump", "--directory", "root"), dump);
  t.like(await json(t, directory, "extract", "--json", "store:v1", "copy"), { inodes: 7, warnings: [] });
  t.is(await good(t, directory, "dump", "--directory", "copy"), dump);
  t.is(await good(t, directory, "dump", "store:v1", "directory/small"), `${dump.split("\n")[3]}\n`);
  t.regex(await good(t, directory, "dump", "--format", "mtree", "store:v1"), /^#mtree\n\. type=dir /);
});

test.serial("extract refuses a directory that is not empty", async (t) => {
  using directory = await withImage(t);
  const { code, stderr } = await directory.run("extract", "store:v1", "root");
  t.is(code, 1);
  t.regex(stderr, /^puzzlefs: root: the directory is not empty/);
});

const absent: [title: string, argv: string[], message: RegExp][] = [
  ["tag", ["ls", "store:v9"], /store.*: no tag "v9"; there is "v1"/],
  ["layout", ["ls", "nowhere:v1"], /nowhere: not an OCI layout/],
  ["path", ["cat", "store:v1", "/nowhere"], /\/nowhere: no such file or directory in the image/],
  ["base", ["build", "-b", "v9", "root", "store:v2"], /no tag "v9"/],
  ["tree", ["build", "nowhere", "store:v2"], /nowhere: cannot read the tree: no such file or directory/],
  ["mount point", ["mount", "store:v1", "nowhere"], /nowhere: no such directory/],
];
test.serial("exit code 1 for missing layouts, tags and paths, which are named", async (t) => {
  using directory = await withImage(t);
  for (const [title, argv, message] of absent) {
    const { code, stdout, stderr } = await directory.run(...argv);
    t.is(code, 1, title);
    t.is(stdout, "", title);
    t.regex(stderr, /^puzzlefs: [^\n]+\n$/, title);
    t.regex(stderr, message);
  }
});

test.serial("verify: exit code 0 for an undamaged layout, 3 for a changed chunk, which is named", async (t) => {
  using directory = await withImage(t, "-c");
  t.regex(await good(t, directory, "verify", "store"), /^1 image, \d+ blobs, .*: good\n$/);
  t.deepEqual((await json(t, directory, "verify", "--json", "store:v1")).problems, []);
  const { runs } = await json(t, directory, "inspect", "--json", "store:v1", "/large");
  damage(blob(directory, runs[0].blob), "change");
  for (const name of ["store", "store:v1"]) {
    const { code, stderr } = await directory.run("verify", name);
    t.is(code, 3);
    t.regex(stderr, new RegExp(`^puzzlefs: blob sha256:${runs[0].blob} `));
  }
  const { code, stdout } = await directory.run("verify", "--json", "store:v1");
  t.is(code, 3);
  t.like(JSON.parse(stdout).problems[0], { severity: "error", object: `blob sha256:${runs[0].blob}` });
});

test.serial("exit code 3 for corrupt blobs, which are named", async (t) => {
  using directory = await withImage(t);
  const { manifest, metadata } = await json(t, directory, "inspect", "--json", "store:v1");
  const { runs } = await json(t, directory, "inspect", "--json", "store:v1", "/large");
  const cases: [digest: string, argv: string[]][] = [
    [runs[0].blob, ["cat", "store:v1", "/large"]],
    [runs[0].blob, ["extract", "--force", "--verify", "store:v1", "copy"]],
    [metadata, ["ls", "store:v1"]],
    [metadata, ["mount", "store:v1", "root"]],
    [manifest, ["ls", "store:v1"]],
  ];
  for (const [digest, argv] of cases) {
    const intact = readFileSync(blob(directory, digest));
    for (const how of ["change", "cut"] as const) {
      damage(blob(directory, digest), how);
      const { code, stderr } = await directory.run(...argv);
      t.is(code, 3, `${argv.join(" ")}: ${stderr}`);
      t.true(stderr.startsWith("puzzlefs: ") && stderr.includes(digest), stderr);
      const [command, ...rest] = argv.filter((word) => word !== "--verify");
      if (digest === runs[0].blob && how === "change")
        t.is((await directory.run(command, "--no-verify", ...rest)).code, 0, "taken as it is");
      writeFileSync(blob(directory, digest), intact);
    }
  }
});

test.serial("enable-fs-verity checks the digest before it changes any blob", async (t) => {
  using directory = await withImage(t);
  const { manifest, manifestVerity } = await json(t, directory, "inspect", "--json", "store:v1");
  const refused = await directory.run("enable-fs-verity", "store:v1", "0".repeat(64));
  t.is(refused.code, 3);
  t.regex(refused.stderr, new RegExp(`^puzzlefs: manifest sha256:${manifest} .*${manifestVerity}`));
  // Few machines have fs-verity for temporary files; on the others the error must name fs-verity.
  const { code, stdout, stderr } = await directory.run("enable-fs-verity", "store", "v1", manifestVerity);
  if (code === 0) t.regex(stdout, /^fs-verity is enabled on \d+ blobs$/m);
  else t.regex(stderr, /^puzzlefs: .*store: no fs-verity there/);
});

test.serial("a closed pipe ends the program without a message", async (t) => {
  using directory = await withImage(t);
  for (const command of ["ls -R store:v1", "dump store:v1", "cat store:v1 /large", "--help"]) {
    const { code, stderr } = await directory.shell(`puzzlefs ${command} | true`);
    t.deepEqual([code, stderr], [0, ""], command);
  }
});
