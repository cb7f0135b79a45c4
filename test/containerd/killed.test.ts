/** A snapshotter that is killed before any call that changes something leaves what the next one goes on with, and can remove. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { build } from "@puzzlefs/builder";
import { eventually, noise, Random, rounds, runSeed } from "@puzzlefs/testing";
import test from "ava";
import { makeTree } from "../../packages/builder/src/tree-fixture.ts";
import { assertSameText, dumpDirectory } from "../support/compare.ts";
import { isRoot, missing } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { chainOf, Fixture, Kind, labelsOf, mounts, prepare } from "./snapshots-fixture.ts";

const scratch = new Scratch();
const problem = isRoot ? missing("/dev/fuse").join() : "needs root";
const store = join(scratch.directory("content"), "store");
const tree = makeTree({ a: noise("a", 60_000), "b/c": noise("c", 3000) });

test.after.always(() => scratch.remove());

(problem === "" ? test : test.skip)(`killed at any moment, seed ${runSeed}${problem && ` (${problem})`}`, async (t) => {
  const options = { compress: true, packed: true, mtime: { kind: "keep" } } as const;
  const { manifest: image } = await build({ rootfs: tree, ociDir: store, tag: "image", ...options });
  const killedBefore = (fixture: Fixture, call: number): ReturnType<typeof spawnSync> => {
    const { root, address } = fixture.options;
    const argv = [join(import.meta.dirname, "killed-fixture.ts"), root, address, store, image, String(call)];
    return spawnSync(process.execPath, argv, { encoding: "utf8" });
  };
  const whole = killedBefore(new Fixture(scratch, store), 0);
  t.is(whole.status, 0, String(whole.stderr));
  const calls = Number(whole.stdout);
  t.true(calls > 80, `${calls} calls`);
  const random = new Random(runSeed);
  // One directory for all rounds: each goes on with what the last one has left.
  const fixture = new Fixture(scratch, store);
  for (let round = rounds(4); round > 0; round--) {
    const call = 1 + random.below(calls);
    const what = `before call ${call} of ${calls}`;
    t.is(killedBefore(fixture, call).signal, "SIGKILL", what);
    await fixture.start();
    for (const { name, kind } of await fixture.all(`kind==active`)) {
      t.is(kind, Kind.ACTIVE);
      fixture.mounted((await fixture.client.call(mounts, { key: name })).mounts, () => undefined);
    }
    await t.throwsAsync(fixture.client.call(prepare, { key: "x", labels: labelsOf(image) }), {
      message: /already exists/,
    });
    const { mounts: described } = await fixture.client.call(prepare, { key: "next", parent: chainOf(image) });
    fixture.mounted(described, (path) => assertSameText(t, dumpDirectory(path), dumpDirectory(tree), what));
    await fixture.removeAll();
    t.true(await eventually(() => fixture.left().length === 0), `${what}: ${fixture.left().join("\n")}`);
    await fixture.stop();
  }
});
