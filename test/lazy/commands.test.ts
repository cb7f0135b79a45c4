/** The commands with lazy images: mount of a registry's image, pull --lazy, and what the others say of what is missing. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@puzzlefs/testing";
import { mountTest } from "../../packages/cli/src/mount-fixture.ts";
import { program } from "../../packages/cli/src/program-fixture.ts";
import { LazyImage, type Output, run } from "./lazy-fixture.ts";

function puzzlefs(...argv: string[]): Promise<Output> {
  return run(process.execPath, program, ...argv);
}

mountTest(
  "an image of a registry is mounted by its name; inspect, verify and extract count what is missing; pull gets it",
  async (t) => {
    await using image = await LazyImage.make();
    const { ociDir, name, mountpoint } = image;
    const store = ["--plain-http", "--no-fill", "--store", ociDir];
    const mounted = await puzzlefs("mount", ...store, name, mountpoint);
    t.deepEqual([mounted.code, mounted.stdout, mounted.stderr], [0, "", ""]);
    t.deepEqual(await readFile(image.path("file0")), readFileSync(join(image.rootfs, "file0")));
    const local = `${ociDir}:${name}`;
    const missing = /lazy: \d+ of \d+ chunks, [\d.]+ MB, have not been fetched yet from localhost:\d+\/team\/app:v1/;
    t.regex((await puzzlefs("inspect", local)).stdout, missing);
    const verified = await puzzlefs("verify", local);
    t.is(verified.code, 0, verified.stderr);
    t.regex(verified.stderr, missing);
    t.regex(verified.stdout, /: good$/m);
    const out = join(image.directory, "out");
    mkdirSync(out);
    for (const [command, ...rest] of [
      ["extract", local, out],
      ["export", local, join(image.directory, "tar")],
      ["commit", local, out, `${ociDir}:v2`],
      ["canonicalize", local, `${ociDir}:v2`],
      ["pack", local],
      ["unpack", local],
    ] as const) {
      const { code, stderr } = await puzzlefs(command, ...rest);
      t.is(code, 1, command);
      t.regex(stderr, /not been fetched yet from localhost:.*; 'puzzlefs pull localhost:.* receives them/, command);
    }
    t.is((await puzzlefs("mount", "--driver=kernel", local, mountpoint)).code, 1);
    t.is((await puzzlefs("umount", mountpoint)).code, 0);
    t.true(await eventually(() => image.fetchers.length === 0));
    const pulled = await puzzlefs("pull", "--plain-http", name, local);
    t.is(pulled.code, 0, pulled.stderr);
    t.notRegex((await puzzlefs("inspect", local)).stdout, /lazy|not in the layout/);
    t.is((await puzzlefs("extract", local, join(image.directory, "out"))).code, 0);
    t.is((await run("diff", "-r", image.rootfs, join(image.directory, "out"))).code, 0);
  },
);

mountTest("with the registry away, an image of that name from before is mounted", async (t) => {
  await using image = await LazyImage.make();
  const { ociDir, name, mountpoint } = image;
  t.is((await puzzlefs("pull", "--lazy", "--plain-http", name, `${ociDir}:${name}`)).code, 0);
  image.registry.intercept = (_seen, response) => (response.writeHead(503).end(), true);
  const store = ["--plain-http", "--no-fill", "--store", ociDir];
  const mounted = await puzzlefs("mount", ...store, name, mountpoint);
  t.is(mounted.code, 0, mounted.stderr);
  t.regex(mounted.stderr, /the image that had this name before is mounted/);
  t.is((await run("ls", mountpoint)).code, 0);
  t.is((await puzzlefs("umount", mountpoint)).code, 0);
});

mountTest("commands that record an image at the same time leave one whole record", async (t) => {
  await using image = await LazyImage.make();
  const { ociDir, name } = image;
  const pulls = Array.from({ length: 6 }, () => puzzlefs("pull", "--lazy", "--plain-http", name, `${ociDir}:${name}`));
  for (const { code, stderr } of await Promise.all(pulls)) t.is(code, 0, stderr);
  t.deepEqual(
    readdirSync(join(ociDir, "lazy")).filter((file) => file.endsWith(".tmp")),
    [],
  );
  const verified = await puzzlefs("verify", `${ociDir}:${name}`);
  t.is(verified.code, 0, verified.stderr);
});
