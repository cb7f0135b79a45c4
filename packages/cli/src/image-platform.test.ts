/** Several images under one tag, one for each platform. */
import { writeFileSync } from "node:fs";
import test from "ava";
import { mountTest, unmountLeftover } from "./mount-fixture.ts";
import { INDEX, SharedLayout, tagged } from "./shared-layout-fixture.ts";

/** Go's name of this machine's architecture, and of another. */
const machine = process.arch === "arm64" ? "arm64" : "amd64";
const other = process.arch === "arm64" ? "amd64" : "arm64";

test.serial("build --platform replaces its own platform's entry, and reading chooses this machine's", async (t) => {
  using directory = await SharedLayout.make(t, "machine\n");
  await directory.build(t, "other\n", "--platform", `linux/${other}`, "root", "store:v1");
  await directory.build(t, "risc\n", "--platform", "linux/riscv64", "root", "store:v1");
  const cat = (...argv: string[]): Promise<string> => directory.good(t, "cat", ...argv, "store:v1", "/file");
  t.deepEqual(
    directory.entries().map(({ platform }) => platform),
    [machine, other, "riscv64"].map((architecture) => ({ architecture, os: "linux" })),
  );
  t.deepEqual([await cat(), await cat("--platform", `linux/${other}`)], ["machine\n", "other\n"]);
  await directory.build(t, "new\n", "root", "store:v1");
  t.deepEqual([await cat(), await cat("--platform", "linux/riscv64")], ["new\n", "risc\n"]);
  t.is(directory.entries().length, 3);
  const shown = await directory.good(t, "tags", "store");
  for (const { architecture } of directory.entries().map(({ platform }) => platform as { architecture: string }))
    t.regex(shown, new RegExp(`^v1 .* linux/${architecture}$`, "m"));
  t.regex(await directory.good(t, "verify", "store"), /^3 images, /);

  await directory.good(t, "build", "-b", "v1", "--platform", `linux/${other}`, "root", "store:v2");
  t.is(await directory.good(t, "cat", "store:v2", "/file"), "new\n", "the only image of a tag is read on any machine");
  const { code, stderr } = await directory.run("cat", "--platform", "linux/s390x", "store:v1", "/file");
  t.is(code, 1);
  t.regex(
    stderr,
    new RegExp(`no image "v1" for linux/s390x, but for linux/${machine}, linux/${other}, linux/riscv64$`, "m"),
  );
  const [, ...others] = directory.entries();
  directory.setEntries(others.filter((entry) => JSON.stringify(entry).includes('"v1"')));
  t.regex((await directory.run("ls", "store:v1")).stderr, /but for linux\/\w+, linux\/riscv64; --platform names one$/m);
});

test.serial("every command accepts --platform, and refuses invalid platforms", async (t) => {
  using directory = await SharedLayout.make(t, "machine\n");
  await directory.build(t, "the other\n", "--platform", `linux/${other}`, "root", "store:v1");
  const platform = ["--platform", `linux/${other}`];
  const { manifest, manifestVerity } = JSON.parse(
    await directory.good(t, "inspect", "--json", ...platform, "store:v1"),
  ) as { manifest: string; manifestVerity: string };
  t.true(JSON.stringify(directory.entries()[1]).includes(manifest));
  t.regex(await directory.good(t, "ls", "-l", ...platform, "store:v1"), / 10 - +file$/m);
  t.regex(await directory.good(t, "stat", ...platform, "store:v1", "/file"), /^size +10 B$/m);
  t.regex(await directory.good(t, "dump", ...platform, "store:v1"), /^\/file .* 10 /m);
  t.regex(await directory.good(t, "extract", ...platform, "store:v1", "out"), /10 B of content/);
  t.regex(await directory.good(t, "verify", ...platform, "store:v1"), /^1 image, /);
  const verity = await directory.run("enable-fs-verity", ...platform, "store:v1", manifestVerity);
  t.true(verity.code === 0 || verity.stderr.includes("no fs-verity there"), verity.stderr);
  for (const command of [
    "ls",
    "cat",
    "stat",
    "dump",
    "extract",
    "inspect",
    "verify",
    "mount",
    "enable-fs-verity",
    "canonicalize",
    "commit",
    "build",
  ])
    for (const bad of ["arm64", "linux/", "linux/a/b/c", ""]) {
      if (bad !== "arm64" && command !== "ls") continue;
      const { code, stderr } = await directory.run(command, "--platform", bad, "store:v1", "x");
      t.is(code, 2, `${command} ${stderr}`);
      t.regex(stderr, /is not a platform/);
    }
});

test.serial("the best suitable variant is chosen", async (t) => {
  using directory = await SharedLayout.make(t);
  for (const variant of ["v6", "v8", "v5"])
    await directory.build(t, variant, "--platform", `linux/arm/${variant}`, "root", "store:v1");
  await directory.build(t, "none", "--platform", "linux/arm", "root", "store:v1");
  const read = (platform: string): Promise<string> =>
    directory.good(t, "cat", "--platform", platform, "store:v1", "/file");
  t.is(await read("linux/arm/v7"), "v6");
  t.is(await read("linux/arm/v9"), "none");
  t.is(await read("linux/arm"), "none");
  t.is(await read("Linux/ARM/v8"), "v8");
  await directory.build(t, "seven", "--platform", "linux/arm/v7", "root", "store:v1");
  t.deepEqual([await read("linux/arm"), await read("linux/arm/v7")], ["seven", "seven"], "arm is arm/v7");
});

test.serial("an index under a tag is followed, and images of other tools do not hide those of puzzlefs", async (t) => {
  using directory = await SharedLayout.make(t, "machine\n");
  await directory.build(t, "other\n", "--platform", `linux/${other}`, "root", "store:v1");
  const [first, second] = directory.entries();
  const archives = {
    ...directory.stored("application/vnd.oci.image.manifest.v1+json", { layers: [] }),
    platform: { os: "linux", architecture: machine },
  };
  const inner = directory.stored(INDEX, { manifests: [archives, null, second, { ...first, annotations: null }] });
  const outer = directory.stored(INDEX, {
    manifests: [{ mediaType: INDEX, digest: `sha256:${"0".repeat(64)}` }, inner],
  });
  for (const [what, entries] of Object.entries({
    index: [tagged("v1", inner)],
    "index in an index": [tagged("v1", outer)],
    "beside an image of another tool": [tagged("v1", archives), tagged("v1", inner)],
  })) {
    directory.setEntries(entries);
    t.is(await directory.good(t, "cat", "store:v1", "/file"), "machine\n", what);
    t.is(await directory.good(t, "cat", "--platform", `linux/${other}`, "store:v1", "/file"), "other\n", what);
    t.regex(await directory.good(t, "verify", "store"), /^2 images, /, what);
  }
  await directory.build(t, "new\n", "root", "store:v1");
  t.is(await directory.good(t, "cat", "store:v1", "/file"), "new\n", "what is built last is what the tag means");
  t.is(await directory.good(t, "cat", "--platform", `linux/${other}`, "store:v1", "/file"), "other\n");

  // Indexes that lead to themselves cannot exist; ones that lead to each other by the thousand can.
  let deep: object = inner;
  for (let i = 0; i < 40; i++) deep = directory.stored(INDEX, { manifests: Array(4).fill(deep) });
  directory.setEntries([tagged("deep", deep), ...directory.entries()]);
  t.is(await directory.good(t, "cat", "store:v1", "/file"), "new\n");
  t.not((await directory.run("ls", "store:deep")).code, 3);
});

test.serial("a configuration and --platform must agree", async (t) => {
  using directory = await SharedLayout.make(t);
  writeFileSync(directory.path("config.json"), JSON.stringify({ architecture: "arm64", os: "linux" }));
  const build = (platform: string) =>
    directory.run("build", "--config", "config.json", "--platform", platform, "root", "store:v2");
  t.is((await build("linux/aarch64")).code, 0);
  t.regex((await build("linux/s390x")).stderr, /config\.json: it is for linux\/arm64, not for linux\/s390x$/m);
});

mountTest("mount and mount.puzzlefs choose by platform", async (t) => {
  using directory = await SharedLayout.make(t, "machine\n");
  await directory.build(t, "other\n", "--platform", `linux/${other}`, "root", "store:v1");
  const mount = async (...argv: string[]): Promise<string> => {
    try {
      return (
        await directory.shell(
          `mkdir -p mnt; puzzlefs mount ${argv.join(" ")} store:v1 mnt && cat mnt/file; puzzlefs umount mnt`,
        )
      ).stdout;
    } finally {
      unmountLeftover(directory);
    }
  };
  t.is(await mount(), "machine\n");
  t.is(await mount("--platform", `linux/${other}`), "other\n");
  t.is(await mount("-w", "-o", `platform=linux/${other}`), "other\n");
});
