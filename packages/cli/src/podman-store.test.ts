import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { eventually, running } from "@puzzlefs/testing";
import test from "ava";
import { mountTest } from "./mount-fixture.ts";
import { type Outcome, TestDirectory } from "./program-fixture.ts";

/** Additional image stores as files, and their mounts. What podman makes of them: test/recipes/podman.test.ts. */

interface Row {
  names: string[];
  id: string;
  manifest: string;
  options: string[];
  mounted: string | null;
}

/** A layout with two images of different trees, v1 and v2, and another, v3, whose configuration differs from that of v1. */
async function withImages(): Promise<TestDirectory> {
  const directory = new TestDirectory();
  for (const tag of ["v1", "v2"]) {
    mkdirSync(directory.path(tag));
    writeFileSync(directory.path(tag, "file"), tag);
    await directory.run("build", tag, `store:${tag}`);
  }
  writeFileSync(
    directory.path("config.json"),
    JSON.stringify({ architecture: "amd64", os: "linux", config: { User: "1" } }),
  );
  await directory.run("build", "--config", "config.json", "v1", "store:v3");
  return directory;
}

/** Makes v2 an image that cannot be mounted. */
async function breakSecond(directory: TestDirectory): Promise<void> {
  await directory.shell(
    "rm store/blobs/sha256/$(puzzlefs inspect --json store:v2 | grep -o '\"metadata\":\"[0-9a-f]*' | cut -d'\"' -f4)",
  );
}

/** The images of the store afterwards. */
async function changed(directory: TestDirectory, ...argv: string[]): Promise<Row[]> {
  const { code, stderr } = await directory.run("podman-store", "images", ...argv);
  if (code !== 0) throw new Error(stderr);
  const listed = await directory.run("podman-store", "--json", "images");
  return JSON.parse(listed.stdout) as Row[];
}

/** Everything in the store but what is mounted there. */
function files(directory: TestDirectory): string[] {
  return readdirSync(directory.path("images"), { recursive: true, encoding: "utf8" }).sort();
}

const indexes = ["overlay-images/images.json", "overlay-layers/layers.json"];
const marks = ["overlay-images/images.lock", "overlay-layers/layers.lock"];
function contents(directory: TestDirectory, names: readonly string[]): string[] {
  return names.map((name) => readFileSync(directory.path("images", name), "latin1"));
}

test("an image is added once, under several names, and goes with its last name", async (t) => {
  using directory = await withImages();
  const add = (image: string): Promise<Row[]> => changed(directory, "--fstab", "--image", image);
  const [one] = await add("store:v1=a");
  const before = [...contents(directory, indexes), ...contents(directory, marks), ...files(directory)];
  t.deepEqual(await add("store:v1=a"), [one]);
  t.deepEqual([...contents(directory, indexes), ...contents(directory, marks), ...files(directory)], before);

  const named = await add("store:v1=b");
  t.deepEqual(named, [{ ...one, names: ["localhost/a:latest", "localhost/b:latest"] }]);
  t.notDeepEqual(contents(directory, marks).slice(0, 1), before.slice(2, 3), "readers see a change");
  // Another configuration is another image of another manifest.
  const three = await add("store:v3=c");
  t.is(new Set(three.map(({ id }) => id)).size, 2);

  t.is((await changed(directory, "--remove", "a")).length, 2);
  const [left] = await changed(directory, "--remove", "b");
  t.deepEqual(left?.names, ["localhost/c:latest"]);
  t.deepEqual(await changed(directory, "--remove", left?.id ?? ""), []);
  t.deepEqual(
    files(directory),
    ["overlay", "overlay-images", "overlay-layers", "overlay/l", ...indexes, ...marks].sort(),
  );
});

test("a name moves to the image that is added last, and the other image stays without one", async (t) => {
  using directory = await withImages();
  const [one] = await changed(directory, "--fstab", "--image", "store:v1=a");
  const [first, second] = await changed(directory, "--fstab", "--image", "store:v2=a");
  t.deepEqual(first, { ...one, names: [] });
  t.deepEqual(second?.names, ["localhost/a:latest"]);
  const [left, ...more] = await changed(directory, "--remove", one?.id.slice(0, 12) ?? "");
  t.deepEqual([left, more], [second, []]);
});

test("what a command that died has left is removed by the next one", async (t) => {
  using directory = await withImages();
  await changed(directory, "--fstab", "--image", "store:v1");
  const before = files(directory);
  const id = "0".repeat(64);
  mkdirSync(directory.path("images/overlay", id, "diff"), { recursive: true });
  writeFileSync(directory.path("images/overlay", id, "link"), "");
  symlinkSync(`../${id}/diff`, directory.path("images/overlay/l/ABC"));
  mkdirSync(directory.path("images/overlay-images", id));
  writeFileSync(directory.path("images/overlay-images", id, "manifest"), "");
  writeFileSync(directory.path("images/overlay-layers/.puzzlefs-tmp-x"), "");
  await changed(directory, "--umount");
  t.deepEqual(files(directory), before);
});

test("a command that fails changes nothing", async (t) => {
  using directory = await withImages();
  await changed(directory, "--fstab", "--image", "store:v1");
  const state = (): string[] => [...files(directory), ...contents(directory, indexes)];
  const before = state();
  const fails = async (pattern: RegExp, code: number, ...argv: string[]): Promise<void> => {
    const outcome: Outcome = await directory.run("podman-store", "images", ...argv);
    t.is(outcome.code, code, argv.join(" "));
    t.regex(outcome.stderr, pattern);
    t.deepEqual(state(), before);
  };
  await fails(/no tag "v9"/, 1, "--fstab", "--image", "store:v2", "--image", "store:v9");
  await fails(/'other' is not the name or the id/, 2, "--remove", "other");
  await fails(/one at a time/, 2, "--remove", "store:v1", "--mount");
  await fails(/the store decides that/, 2, "--image", "store:v2", "-o", "writable");
  await fails(/-o is for --image/, 2, "--mount", "-o", "verify=blob");
  await fails(/unknown/, 2, "--image", "store:v2", "-o", "nonsense");
});

test("only a directory that the command made is used", async (t) => {
  using directory = await withImages();
  const add = (): Promise<Outcome> => directory.run("podman-store", "images", "--fstab", "--image", "store:v1");
  t.regex((await directory.run("podman-store", "images")).stderr, /images: not a store of images/);
  mkdirSync(directory.path("images"));
  writeFileSync(directory.path("images/storage.lock"), "");
  t.regex((await add()).stderr, /storage\.lock: not of a store that puzzlefs makes/);
  t.deepEqual(files(directory), ["storage.lock"]);
  await directory.shell("rm images/storage.lock");
  t.is((await add()).code, 0);
  writeFileSync(directory.path("images/overlay-layers/layers.json"), '[{"id":"x"}]');
  t.regex((await add()).stderr, /layers\.json: entry 0 is not of puzzlefs/);
  writeFileSync(directory.path("images/overlay-layers/layers.json"), "{");
  t.regex((await add()).stderr, /layers\.json: not a JSON array/);
});

test("commands at the same time lose no image", async (t) => {
  using directory = await withImages();
  await directory.shell(
    "for tag in v1 v2 v3; do puzzlefs podman-store images --fstab --image store:$tag > /dev/null & done; wait",
  );
  const rows = await changed(directory);
  t.deepEqual(rows.flatMap(({ names }) => names).sort(), [
    "localhost/store:v1",
    "localhost/store:v2",
    "localhost/store:v3",
  ]);
});

test("lines of fstab have the image by its digest, with options, and escape what separates fields", async (t) => {
  using directory = await withImages();
  await directory.shell("mv store 'a, b'");
  const { stdout } = await directory.shell(
    "puzzlefs podman-store images --fstab --image 'a, b:v1=a' -o verify=blob,noexec,log_file=log",
  );
  const [{ manifest } = { manifest: "" }] = await changed(directory);
  const path = directory.path("a, b").replaceAll(" ", "\\040");
  const options = `verify=blob,noexec,log_file="${directory.path("log")}",nofail,x-systemd.requires-mounts-for="${path}"`;
  const mountpoint = directory.path("images/overlay", manifest, "diff");
  t.is(stdout, `${path}@sha256:${manifest}  ${mountpoint}  puzzlefs  ${options}  0 0\n`);
  t.is((await directory.run("podman-store", "images", "--fstab")).stdout, stdout);
});

mountTest("images are mounted, mounted again after their server died, and unmounted with the last name", async (t) => {
  using directory = await withImages();
  try {
    const options = ["--image", "store:v1", "--image", "store:v2", "-o", "driver=fuse,log_file=/dev/null"];
    const rows = await changed(directory, ...options);
    t.deepEqual(
      rows.map(({ mounted }) => mounted),
      ["fuse", "fuse"],
    );
    const content = (): string[] =>
      rows.map(({ manifest }) => readFileSync(directory.path("images/overlay", manifest, "diff/file"), "latin1"));
    t.deepEqual(content(), ["v1", "v2"]);
    const mounts = mountsBelow(directory);
    t.deepEqual(await changed(directory, ...options), rows);
    t.deepEqual(mountsBelow(directory), mounts, "the same mounts");

    for (const { pid } of running(`puzzlefs mount ${directory.root}/`)) process.kill(pid, "SIGKILL");
    t.true(await eventually(() => running(`puzzlefs mount ${directory.root}/`).length === 0));
    const dead = JSON.parse((await directory.run("podman-store", "--json", "images")).stdout) as Row[];
    t.deepEqual(
      dead.map(({ mounted }) => mounted),
      ["dead", "dead"],
    );
    await changed(directory, "--mount");
    t.deepEqual(content(), ["v1", "v2"]);
    const noexec = await changed(directory, "--image", "store:v1", "-o", "driver=fuse,noexec");
    t.deepEqual(
      noexec.map(({ mounted }) => mounted),
      ["fuse", "fuse"],
    );
    t.is(mountsBelow(directory).filter((line) => line.includes("noexec")).length, 1);

    t.deepEqual(
      (await changed(directory, "--umount")).map(({ mounted }) => mounted),
      [null, null],
    );
    t.deepEqual(mountsBelow(directory), []);
    t.deepEqual(
      (await changed(directory, "--mount")).map(({ mounted }) => mounted),
      ["fuse", "fuse"],
    );
    t.deepEqual(content(), ["v1", "v2"]);
    t.deepEqual(await changed(directory, "--remove", "store:v1", "--remove", "store:v2"), []);
    t.deepEqual(mountsBelow(directory), []);
    t.false(existsSync(directory.path("images/overlay", rows[0]?.manifest ?? "")));
  } finally {
    await directory.run("podman-store", "images", "--umount");
  }
});

mountTest("what was mounted for a command that fails is unmounted", async (t) => {
  using directory = await withImages();
  await breakSecond(directory);
  const { code } = await directory.run("podman-store", "images", "--image", "store:v1", "--image", "store:v2");
  t.not(code, 0);
  t.deepEqual(mountsBelow(directory), []);
  t.deepEqual(await changed(directory), []);
});

mountTest("what a command that fails mounts with other options is mounted as before", async (t) => {
  using directory = await withImages();
  try {
    const mounted = (): string[] =>
      mountsBelow(directory).map((line) => (/\bnoexec\b/.test(line) ? "noexec" : "others"));
    const [before] = await changed(directory, "--image", "store:v1", "-o", "driver=fuse,noexec");
    await breakSecond(directory);
    const both = ["--image", "store:v1", "--image", "store:v2", "-o", "driver=fuse,nosymfollow"];
    t.not((await directory.run("podman-store", "images", ...both)).code, 0);
    t.deepEqual(mounted(), ["noexec"]);
    t.is(readFileSync(directory.path("images/overlay", before?.manifest ?? "", "diff/file"), "latin1"), "v1");
    t.deepEqual(await changed(directory), [before]);
    // What was not mounted stays so.
    await changed(directory, "--umount");
    t.not((await directory.run("podman-store", "images", ...both)).code, 0);
    t.deepEqual(mounted(), []);
    await changed(directory, "--mount");
    t.deepEqual(mounted(), ["noexec"]);
    await changed(directory, "--fstab", "--image", "store:v1", "-o", "driver=fuse");
    t.deepEqual(mounted(), [], "that has not the options of the line of fstab");
  } finally {
    await directory.run("podman-store", "images", "--umount");
  }
});

test("an image with marks of overlayfs is refused", async (t) => {
  using directory = await withImages();
  chmodSync(directory.path("v1"), 0o755);
  const { code } = await directory.shell(
    "setfattr -n trusted.overlay.opaque -v y v1 && puzzlefs build v1 store:marked",
  );
  if (code !== 0) return t.log("not permitted to set trusted.* attributes");
  const refused = await directory.run("podman-store", "images", "--fstab", "--image", "store:marked");
  t.regex(refused.stderr, /marks of overlayfs: 1, the first .*trusted\.overlay\.opaque/);
  t.is((await changed(directory, "--fstab", "--image", "store:marked", "-o", "overlay_attributes")).length, 1);
});

function mountsBelow(directory: TestDirectory): string[] {
  return readFileSync("/proc/self/mountinfo", "latin1")
    .split("\n")
    .filter((line) => line.includes(` ${directory.path("images")}/`));
}
