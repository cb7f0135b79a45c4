/** Archives that `export` writes: read by other programs, and converted back to the same image. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test from "ava";
import { assertSameText, dumpDirectory } from "../support/compare.ts";
import { blobPath, build } from "../support/images.ts";
import { attempt, isRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { makeArchivableTree } from "./tree.ts";
import { umociObstacle, unpack } from "./umoci.ts";
import { makeImage, sha256 } from "./layered-image.ts";

const scratch = new Scratch();
const tree = scratch.fresh("tree");
const hostile = scratch.fresh("hostile");
const store = scratch.fresh("store");
const lacks = isRoot ? missing("bsdtar", "tar").join(", ") : "root";
const withPrograms = lacks === "" ? test : test.skip;
const suffix = lacks && ` (needs ${lacks})`;

test.before(() => {
  makeArchivableTree(tree);
  makeHostileTree(hostile, { largeDirectory: 50, sparseBytes: 3_000_000, beyondPathMax: true });
  build(tree, `${store}:tree`, "--mtime", "keep", "-c");
  build(hostile, `${store}:hostile`, "--mtime", "keep");
});
test.after.always(() => scratch.remove());

/** bsdtar takes access control lists from text only, which is not written, and misreads fractions of seconds before 1970. */
function likeBsdtar(dump: string, expected: string): string {
  const times = / -?\d+\.\d{9} /;
  const isOld = expected.split("\n").map((line) => / -\d+\.(?!0{9})/.test(line));
  return dump
    .split("\n")
    .map((line, index) => (isOld[index] ? line.replace(times, " ") : line))
    .map((line) => line.replace(/ system\.posix_acl_\w+=\S+/g, ""))
    .join("\n");
}

const extractors: Record<string, (archive: string, target: string) => void> = {
  "GNU tar": (archive, target) =>
    void run("tar", [
      "-xpf",
      archive,
      "--same-owner",
      "--numeric-owner",
      "--xattrs",
      "--xattrs-include=*",
      "-C",
      target,
    ]),
  bsdtar: (archive, target) => {
    run("bsdtar", ["-xpf", archive, "--numeric-owner", "--xattrs", "--acls", "-C", target]);
    // Of the directory that it extracts into, it never sets the time.
    run("touch", ["-r", tree, target]);
  },
};

for (const [name, extract] of Object.entries(extractors)) {
  for (const options of [[], ["--no-sparse"]]) {
    withPrograms(`${name} extracts the tree again ${options.join("")}${suffix}`, (t) => {
      const path = scratch.fresh("archive");
      run(puzzlefs, ["export", ...options, `${store}:tree`, path]);
      const target = scratch.directory("target");
      extract(path, target);
      const expected = dumpDirectory(tree);
      const found = dumpDirectory(target);
      if (name === "bsdtar") assertSameText(t, likeBsdtar(found, expected), likeBsdtar(expected, expected), name);
      else assertSameText(t, found, expected, name);
      const { blocks } = statSync(join(target, "sparse"));
      if (options.length === 0) t.true(blocks * 512 < 1_000_000, "holes are kept");
    });
  }
}

test("a pipe gets the same bytes as a file, and two exports are equal", (t) => {
  const path = scratch.fresh("archive");
  const printed = JSON.parse(run(puzzlefs, ["export", "--json", `${store}:tree`, path]));
  const piped = execFileSync("sh", ["-c", '"$0" export "$1" | cat', puzzlefs, `${store}:tree`], { maxBuffer: 1 << 28 });
  t.true(piped.equals(readFileSync(path)));
  t.is(printed.digest, sha256(piped));
  t.is(printed.archiveBytes, piped.length);
  const named = execFileSync("sh", ["-c", '"$0" export "$1" /dev/stdout | cat', puzzlefs, `${store}:tree`], {
    maxBuffer: 1 << 28,
  });
  t.true(named.subarray(0, piped.length).equals(piped), "a pipe that is named");
});

test("an archive of any tree converts to the same image, names and attributes of all kinds among them", (t) => {
  for (const options of [[], ["--no-sparse"]]) {
    const path = scratch.fresh("archive");
    const { status, stderr } = attempt(puzzlefs, ["export", ...options, `${store}:hostile`, path]);
    t.is(status, 0, stderr);
    if (isRoot) t.regex(stderr, /^puzzlefs: warning: socket: left out 2 times, first \/links\/socket: /);
    const layout = scratch.directory("layout");
    makeImage(layout, [readFileSync(path)]);
    run(puzzlefs, ["convert", `${layout}:image`, `${layout}:converted`]);
    const dump = (image: string): string =>
      run(puzzlefs, ["dump", image])
        .split("\n")
        .filter((line) => !/^\/(?:links|special)\/socket /.test(line))
        .join("\n");
    assertSameText(t, dump(`${layout}:converted`), dump(`${store}:hostile`), options.join());
  }
  // Without sockets it is the image itself, holes too.
  const path = scratch.fresh("archive");
  run(puzzlefs, ["export", `${store}:tree`, path]);
  const layout = scratch.directory("layout");
  makeImage(layout, [readFileSync(path)]);
  run(puzzlefs, ["convert", "-c", `${layout}:image`, `${layout}:converted`]);
  t.is(metadataOf(`${layout}:converted`), metadataOf(`${store}:tree`));
});

function metadataOf(image: string): string {
  return JSON.stringify(JSON.parse(run(puzzlefs, ["inspect", "--json", image])).metadata);
}

for (const compression of ["gzip", "zstd", "none"]) {
  const obstacle =
    umociObstacle() ||
    missing("skopeo")
      .map((name) => `needs ${name}`)
      .join();
  // That umoci knows no zstd.
  const oracle = compression === "zstd" ? "skopeo" : "umoci";
  (obstacle === "" ? test : test.skip)(
    `--layer, ${compression}: ${oracle} reads the image${obstacle && ` (${obstacle})`}`,
    (t) => {
      const config = scratch.fresh("config.json");
      writeFileSync(
        config,
        JSON.stringify({
          architecture: "arm64",
          os: "linux",
          created: "2024-01-02T03:04:05Z",
          config: { Cmd: ["/bin/x"] },
        }),
      );
      const image = `${scratch.fresh("configured")}:v1`;
      build(tree, image, "--mtime", "keep", "--config", config);
      const layout = scratch.fresh("layout");
      const argv = ["export", "--layer", `${layout}:one`, "--layer-compression", compression, image];
      const printed = run(puzzlefs, argv);
      t.regex(printed, /\nlayer {5}sha256:[0-9a-f]{64}, .*\nmanifest  sha256:[0-9a-f]{64}\n$/);
      t.is(run(puzzlefs, argv), printed, "the same each time");
      const copy = scratch.fresh("copy");
      run("skopeo", ["--insecure-policy", "copy", "--override-arch", "arm64", `oci:${layout}:one`, `oci:${copy}:one`]);
      const inspected = JSON.parse(
        run("skopeo", ["inspect", "--override-arch", "arm64", "--config", `oci:${layout}:one`]),
      );
      t.is(inspected.created, "2024-01-02T03:04:05Z");
      t.deepEqual(inspected.config, { Cmd: ["/bin/x"] });
      t.is(inspected.history.length, 1);
      t.is(inspected.rootfs.diff_ids.length, 1);
      if (oracle === "umoci") {
        const unpacked = unpack(layout, "one", scratch.fresh("bundle"));
        // It cannot set times before 1678 and after 2262.
        assertSameText(t, dumpDirectory(unpacked, "--no-times"), dumpDirectory(tree, "--no-times"), "umoci unpack");
      }
      run(puzzlefs, ["convert", "--platform", "linux/arm64", `${copy}:one`, `${layout}:back`]);
      const back = (name: string): string => run(puzzlefs, ["dump", "--platform", "linux/arm64", name]);
      assertSameText(t, back(`${layout}:back`), run(puzzlefs, ["dump", `${store}:tree`]), "converted");
    },
  );
}

test("names that are whiteouts in a layer are left out of one, and stay in an archive", (t) => {
  const source = scratch.directory("whiteouts");
  writeFileSync(join(source, ".wh.file"), "1");
  mkdirSync(join(source, ".wh.directory"));
  writeFileSync(join(source, ".wh.directory/below"), "2");
  writeFileSync(join(source, "file"), "3");
  build(source, `${store}:whiteouts`);
  const path = scratch.fresh("archive");
  run(puzzlefs, ["export", `${store}:whiteouts`, path]);
  t.is(run("tar", ["-tf", path]), "./\n.wh.directory/\n.wh.directory/below\n.wh.file\nfile\n");
  const layout = scratch.fresh("layout");
  const { stderr } = attempt(puzzlefs, ["export", "--layer", `${layout}:x`, `${store}:whiteouts`]);
  t.regex(stderr, /^puzzlefs: warning: name that begins with \.wh\.: left out 2 times, first \/\.wh\.directory: .*\n$/);
});

test("wrong use: exit code 2, and nothing is written", (t) => {
  const file = scratch.fresh("file");
  for (const [argv, message] of [
    [["export", "--layer", `${store}:x`, `${store}:tree`, file], /exclude each other/],
    [["export", "--layer-compression", "gzip", `${store}:tree`, file], /needs --layer/],
    [["export", "--json", `${store}:tree`], /needs FILE/],
  ] as const) {
    const { status, stderr } = attempt(puzzlefs, argv);
    t.is(status, 2);
    t.regex(stderr, message);
  }
  t.false(existsSync(file));
  const terminal = attempt("script", ["-qec", `'${puzzlefs}' export '${store}:tree'`, "/dev/null"]);
  t.is(terminal.status, 2);
  t.regex(terminal.stdout, /not written to a terminal/);
});

test("a damaged chunk ends the export with exit code 3; the file stays what it was; --no-verify writes it", (t) => {
  const source = scratch.directory("source");
  writeFileSync(join(source, "f"), "x".repeat(100_000));
  const damaged = scratch.fresh("damaged");
  build(source, `${damaged}:v1`);
  const { layers } = JSON.parse(
    readFileSync(
      blobPath(damaged, JSON.parse(readFileSync(join(damaged, "index.json"), "utf8")).manifests[0].digest),
      "utf8",
    ),
  ) as { layers: { digest: string }[] };
  const chunk = blobPath(damaged, layers[1]?.digest ?? "");
  const bytes = readFileSync(chunk);
  bytes[5] ^= 1;
  writeFileSync(chunk, bytes);
  const directory = scratch.directory("out");
  const file = join(directory, "file");
  writeFileSync(file, "before");
  t.is(attempt(puzzlefs, ["export", `${damaged}:v1`, file]).status, 3);
  t.is(readFileSync(file, "utf8"), "before");
  t.deepEqual(readdirSync(directory), ["file"]);
  const layout = scratch.fresh("layout");
  t.is(attempt(puzzlefs, ["export", "--layer", `${layout}:x`, `${damaged}:v1`]).status, 3);
  t.false(existsSync(layout));
  run(puzzlefs, ["export", "--no-verify", `${damaged}:v1`, file]);
  t.true(readFileSync(file).length > 100_000);
});

test("a symbolic link to a file is not written through", (t) => {
  const directory = scratch.directory("links");
  writeFileSync(join(directory, "file"), "before");
  symlinkSync("file", join(directory, "link"));
  const { status, stderr } = attempt(puzzlefs, ["export", `${store}:tree`, join(directory, "link")]);
  t.is(status, 1);
  t.regex(stderr, /link: a symbolic link to a file: name that file/);
  t.is(readFileSync(join(directory, "file"), "utf8"), "before");
});

test("a reader that goes away, a full disk, and a file that cannot be made", async (t) => {
  t.is(
    attempt("sh", ["-c", `'${puzzlefs}' export '${store}:hostile' | head -c 100 > /dev/null; echo done`]).stdout,
    "done\n",
  );
  const full = openSync("/dev/full", "w");
  const child = spawn(puzzlefs, ["export", `${store}:hostile`], { stdio: ["ignore", full, "pipe"] });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number];
  closeSync(full);
  t.is(code, 1);
  t.regex(stderr, /cannot write to standard output: no space left/);
  const { status, stderr: message } = attempt(puzzlefs, ["export", `${store}:tree`, join(scratch.path, "none/file")]);
  t.is(status, 1);
  t.regex(message, /none: no such file/);
});
