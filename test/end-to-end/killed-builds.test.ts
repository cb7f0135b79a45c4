import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { changeTree } from "../support/trees/change.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { assertSameText, dumpDirectory, dumpImage } from "../support/compare.ts";
import { build, layoutNames, withMount } from "../support/images.ts";
import { puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

/** Whatever happens to a build, the layout opens and every earlier tag is whole. */

const scratch = new Scratch();
const first = scratch.fresh("first");
const second = scratch.fresh("second");
const kills = 16;

test.before(() => {
  makeHostileTree(first, { largeDirectory: 500, sparseBytes: 3_000_000 });
  run("cp", ["-a", first, second]);
  changeTree(second);
});

test.after.always(() => scratch.remove());

for (const options of [[], ["-c"]]) {
  test.serial(`killed at any moment: ${options.join(" ")}`, async (t) => {
    const store = scratch.fresh("store");
    build(first, `${store}:v1`, ...options);
    const before = dumpImage(`${store}:v1`);
    const start = performance.now();
    build(second, `${scratch.fresh("measure")}:v2`, ...options);
    const duration = performance.now() - start;
    for (let i = 1; i <= kills; i++) {
      const child = spawn(puzzlefs, ["build", ...options, second, `${store}:v2`], { stdio: "ignore" });
      const end = once(child, "exit");
      // From before the first file is read to after the commit.
      await sleep((duration * i * 1.1) / kills);
      child.kill("SIGKILL");
      await end;
      assertSameText(t, dumpImage(`${store}:v1`), before, `v1 after kill ${i}`);
      const tags = run(puzzlefs, ["tags", store]);
      t.regex(tags, /v1/);
      if (/v2/.test(tags)) t.regex(run(puzzlefs, ["verify", `${store}:v2`]), /: good\n$/);
    }
    const mountpoint = scratch.directory("mnt");
    assertSameText(
      t,
      withMount(`${store}:v1`, mountpoint, () => dumpDirectory(mountpoint, "--no-times")),
      dumpDirectory(first, "--no-times"),
      "v1",
    );
    build(second, `${store}:v2`, ...options);
    assertSameText(t, dumpImage(`${store}:v2`, "--no-times"), dumpDirectory(second, "--no-times"), "v2");
    t.regex(run(puzzlefs, ["verify", store]), /: good\n$/);
    // The next build takes away what killed ones left behind.
    t.deepEqual(layoutNames(store), ["blobs", "index.json", "oci-layout"]);
  });
}

test.serial("builds into one layout at the same time", async (t) => {
  const store = scratch.fresh("shared");
  const builds = [
    [first, "a"],
    [second, "b"],
    [first, "c", "-c"],
    [second, "d", "-c", "--chunking", "stream"],
    [first, "same"],
    [first, "same"],
  ] as const;
  const codes = await Promise.all(
    builds.map(async ([source, tag, ...options]) => {
      const child = spawn(puzzlefs, ["build", ...options, source, `${store}:${tag}`], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      return (await once(child, "exit"))[0] as number;
    }),
  );
  t.deepEqual(
    codes,
    builds.map(() => 0),
  );
  t.regex(run(puzzlefs, ["verify", store]), /: good\n$/);
  for (const [source, tag] of builds) {
    assertSameText(t, dumpImage(`${store}:${tag}`, "--no-times"), dumpDirectory(source, "--no-times"), tag);
  }
  t.deepEqual(layoutNames(store), ["blobs", "index.json", "oci-layout"]);
});
