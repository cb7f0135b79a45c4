import { readdirSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { packsOf } from "../../packages/builder/src/packed/packed-fixture.ts";
import { eventually } from "@puzzlefs/testing";
import type { Outcome } from "../support/programs.ts";
import { ContainerdMachine, machineProblem, registry } from "./containerd-machine.ts";
import { inPod } from "./pod.ts";
import type { Release } from "./releases.ts";

/** Declares the tests of the snapshotter with a release of containerd: images from a registry, containers, restarts, and Kubernetes' interface. */
export function declareCases(release: Release): void {
  const problem = machineProblem || release.problem;
  const host = new ContainerdMachine(release);

  test.before(() => (problem === "" ? host.start() : undefined));
  test.after.always(() => host.stop());

  const declare = problem === "" ? test.serial : test.serial.skip;
  const step = (title: string, body: (t: ExecutionContext) => Promise<void> | void): void =>
    declare(`${release.name}: ${title}${problem && ` (${problem})`}`, body);

  function succeeds(t: ExecutionContext, { status, stdout, stderr }: Outcome): string {
    t.is(status, 0, `${stderr}\n${stdout}\n${host.log("snapshotter")}`);
    return stdout;
  }

  const ctr = (...args: string[]): Outcome => host.ctr(...args);
  const pull = (t: ExecutionContext, tag: string, ...options: string[]): string => {
    const argv = ["--snapshotter", "puzzlefs", "--plain-http", ...options, `${registry}/app:${tag}`];
    return succeeds(t, ctr("images", "pull", ...argv));
  };
  const runArguments = (tag: string, name: string): string[] => [
    "--snapshotter",
    "puzzlefs",
    "--net-host",
    `${registry}/app:${tag}`,
    name,
  ];
  const once = (t: ExecutionContext, tag: string, script: string): string =>
    succeeds(t, ctr("run", "--rm", ...runArguments(tag, "once"), "/bin/sh", "-c", script));
  const start = (t: ExecutionContext, tag: string, name: string): string =>
    succeeds(t, ctr("run", "--detach", ...runArguments(tag, name)));
  const inside = (t: ExecutionContext, name: string, script: string): string =>
    succeeds(t, ctr("tasks", "exec", "--exec-id", "exec", name, "/bin/sh", "-c", script));

  async function end(t: ExecutionContext, name: string): Promise<void> {
    ctr("tasks", "kill", "--signal", "KILL", name);
    t.true(await eventually(() => ctr("tasks", "delete", name).status === 0 || ctr("tasks", "ls", "-q").stdout === ""));
    succeeds(t, ctr("containers", "delete", name));
  }

  /** The packs of an image that containerd has. */
  function packsThere(t: ExecutionContext, tag: string): string[] {
    const packs = new Set(packsOf(host.store, tag));
    t.true(packs.size > 0);
    return readdirSync(host.content).filter((name) => packs.has(name));
  }
  /** Images that the snapshotter has received itself, without packs. */
  const lazily = (): number => host.log("snapshotter").match(/held, received \d+ bytes/g)?.length ?? 0;
  const readAll = "cat /data/text; cmp /data/prose /data/prose && cmp /data/noise /data/noise";

  step("a packed image is pulled and runs, and a container writes over it", (t) => {
    pull(t, "v1");
    const printed = once(
      t,
      "v1",
      "cat /data/text; echo; echo new > /new; echo changed > /data/text; cat /new /data/text; ls /",
    );
    t.is(printed, "the first version\nnew\nchanged\nbin\ndata\ndev\netc\nnew\nproc\nrun\nsys\ntmp\n");
    t.is(once(t, "v1", "cat /data/text; test -e /new || echo"), "the first version\n");
  });

  step("of the next version only what is new is fetched, and both run beside an ordinary image", (t) => {
    const before = host.blobs();
    pull(t, "v2");
    // Manifest, configuration, bundle, a pack, and the bootstrap if it is to be unpacked.
    t.is(host.blobs().length - before.length, release.passesLabels ? 4 : 5);
    pull(t, "ordinary");
    const compare = "cat /data/text; cmp /data/noise /data/noise";
    t.deepEqual(
      ["v1", "v2", "ordinary"].map((tag) => once(t, tag, compare)),
      ["the first version", "the second version", "the first version"],
    );
    const sizes = succeeds(t, ctr("snapshots", "--snapshotter", "puzzlefs", "usage"));
    t.is(sizes.trimEnd().split("\n").length, 4, sizes);
  });

  step("a container goes on when its image is removed, and when snapshotter and containerd are killed", async (t) => {
    start(t, "v1", "kept");
    inside(t, "kept", "echo kept > /kept");
    succeeds(t, ctr("images", "rm", "--sync", `${registry}/app:v1`, `${registry}/app:ordinary`));
    t.is(readdirSync(host.content).length, host.blobs().length);
    const check = (): void =>
      void t.is(inside(t, "kept", "cat /kept /data/text; cmp /data/prose /data/prose"), "kept\nthe first version");
    check();
    await host.killed(t, "snapshotter");
    check();
    t.is(once(t, "v2", "cat /data/text"), "the second version");
    await host.killed(t, "containerd");
    check();
    t.is(once(t, "v2", "cat /data/text"), "the second version");
    await end(t, "kept");
  });

  step("Kubernetes' interface pulls, runs a pod, executes, and removes", async (t) => {
    t.is(await inPod(t, host, ["v1", "v2"], "echo over >> /data/text; cat /data/text"), "the second versionover\n");
    t.regex(host.log("snapshotter"), /snapshot sha256:[0-9a-f]{64}: image sha256/, "the bootstrap was not unpacked");
  });

  step("when all images are removed, nothing is left", (t) => host.removed(t));

  step("of an image that was pushed for lazy use Kubernetes fetches no packs, and a pod reads all of it", async (t) => {
    const script = `${readAll} && echo over >> /data/text; cat /data/text`;
    t.is(
      await inPod(t, host, ["v1-lazy"], script, () => t.deepEqual(packsThere(t, "v1"), [])),
      "the first versionthe first versionover\n",
    );
    t.regex(host.log("snapshotter"), /held, received \d+ bytes, [1-9]\d* of \d+ bytes are fetched later/);
    await host.removed(t);
  });

  if (release.passesLabels)
    step("ctr fetches no packs of such an image, and a container reads all of it", async (t) => {
      const before = lazily();
      // Not the image of the test before: what is repeated within seconds is logged once.
      pull(t, "v2-lazy");
      t.deepEqual(packsThere(t, "v2"), []);
      t.is(once(t, "v2-lazy", readAll), "the second version");
      t.is(lazily(), before + 1, host.log("snapshotter"));
      await host.removed(t);
    });

  step(
    "where containerd passes no labels it fetches the packs of such an image, and unpacks them as empty archives",
    async (t) => {
      const before = lazily();
      pull(t, "v1-lazy", ...release.withoutLabels);
      t.not(packsThere(t, "v1").length, 0);
      const script = "cat /data/text; cmp /data/noise /data/noise; echo new > /new; cat /new";
      t.is(once(t, "v1-lazy", script), "the first versionnew\n");
      t.is(lazily(), before);
      await host.removed(t);
    },
  );
}
