/** containerd and runc of Debian 13 with the snapshotter: images from a registry, containers, restarts, and Kubernetes' interface. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { eventually, noise, prose, running, signalTo } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { installedLayer, obstacle, ServingMachine } from "../recipes/machine.ts";
import { packsOf } from "../../packages/builder/src/packed/packed-fixture.ts";
import { build } from "../support/images.ts";
import { attempt, missing, type Outcome, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { ServiceClient } from "./client.ts";
import { ImageService, NamespaceMode, RuntimeService } from "./generated/cri_pb.js";

const BUSYBOX = "/bin/busybox";
const APPLETS = ["cat", "cmp", "ls", "sh", "sleep", "true"];
const SECONDS = "600";

const scratch = new Scratch();
const problem = obstacle() || missing(BUSYBOX, "skopeo").join();
const memory = scratch.directory("memory");
/** In command lines and names, so that nothing of another run is meant. */
const mark = basename(scratch.path).toLowerCase();
/** On the machine, where overlays are possible. */
const root = `/var/lib/${mark}`;
const state = join(memory, "machine");
const content = join(state, "var/lib/containerd/io.containerd.content.v1.content/blobs/sha256");
const store = join(memory, "store");
const registry = "localhost:5000";
const sandbox = `${registry}/app:v1`;
let machine: ServingMachine;

const containerdConfig = `
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[proxy_plugins.puzzlefs]
  type = "snapshot"
  address = "/run/${mark}.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${sandbox}"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "puzzlefs"
  disable_snapshot_annotations = false
[stream_processors."puzzlefs.pack"]
  accepts = ["application/vnd.oci.image.layer.puzzlefs.pack.v1"]
  returns = "application/vnd.oci.image.layer.v1.tar"
  path = "head"
  args = ["-c", "1024", "/dev/zero"]
`;

/** Each program is started again when it ends. */
const boot = `
printf '%s\\n' 'version: 0.1' 'storage: {filesystem: {rootdirectory: /srv/registry}}' 'http: {addr: "${registry}"}' > registry.yml
cat > ${mark}.toml <<'END'
${containerdConfig}
END
mkdir -p /run/containerd /etc/containers/registries.conf.d
printf '%s\\n' '[[registry]]' 'location = "${registry}"' 'insecure = true' > /etc/containers/registries.conf.d/local.conf
docker-registry serve registry.yml > registry.log 2>&1 &
while :; do puzzlefs snapshotter --root ${root} --address /run/${mark}.sock >> snapshotter.log 2>&1; done &
while :; do containerd -c ${mark}.toml --log-level warn >> containerd.log 2>&1; done
`;

test.before(async () => {
  if (problem !== "") return;
  const trees = { v1: join(memory, "v1"), v2: join(memory, "v2") };
  makeRoot(trees.v1);
  run("cp", ["-a", trees.v1, trees.v2]);
  writeFileSync(join(trees.v2, "data/text"), "the second version");
  const config = join(memory, "config.json");
  const configuration = { architecture: "amd64", os: "linux", config: { Cmd: ["/bin/sleep", SECONDS] }, rootfs: {} };
  writeFileSync(config, JSON.stringify(configuration));
  const options = ["-c", "--packed", "--mtime", "keep", "--config", config];
  build(trees.v1, `${store}:v1`, ...options);
  build(trees.v2, `${store}:v2`, ...options, "-b", "v1");
  run(puzzlefs, ["export", "--layer", `${store}:ordinary`, `${store}:v1`]);
  const layer = installedLayer(scratch);
  // Others than Debian's come first in PATH.
  const { PUZZLEFS_CONTAINERD: programs } = process.env;
  if (programs !== undefined) run("cp", ["-rT", programs, join(layer, "usr/local/bin")]);
  machine = new ServingMachine(state, layer, ["sh", "-c", boot]);
  await machine.listens(5000);
  for (const tag of ["v1", "v2", "ordinary"]) {
    const to = `docker://${registry}/app:${tag}`;
    const { status, stderr } = machine.onNetwork(
      "skopeo",
      "--insecure-policy",
      "copy",
      "--quiet",
      "--dest-tls-verify=false",
      `oci:${store}:${tag}`,
      to,
    );
    if (status !== 0) throw new Error(stderr);
  }
  for (const tag of ["v1", "v2"]) {
    const argv = ["push", "--plain-http", "--lazy", `${store}:${tag}`, `${registry}/app:${tag}-lazy`];
    const { status, stderr } = machine.onNetwork(puzzlefs, ...argv);
    if (status !== 0) throw new Error(stderr);
  }
  await answers();
});

test.after.always(() => {
  machine?.stop();
  // runc makes one for each namespace of containerd in each hierarchy, and leaves it.
  attempt("sh", ["-c", `cd /sys/fs/cgroup && rmdir ${mark}/* ${mark} */${mark}/* */${mark}`]);
  scratch.remove();
});

function makeRoot(path: string): void {
  for (const name of ["bin", "data", "dev", "etc", "proc", "sys", "tmp"])
    mkdirSync(join(path, name), { recursive: true });
  copyFileSync(BUSYBOX, join(path, "bin/busybox"));
  chmodSync(join(path, "bin/busybox"), 0o755);
  for (const applet of APPLETS) symlinkSync("busybox", join(path, "bin", applet));
  writeFileSync(join(path, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");
  writeFileSync(join(path, "data/text"), "the first version");
  writeFileSync(join(path, "data/prose"), prose("prose", 300_000));
  writeFileSync(join(path, "data/noise"), noise("noise", 700_000));
}

/** containerd's client, in a namespace of the tests. */
const ctr = (...args: string[]): Outcome => machine.inside("ctr", "--namespace", mark, ...args);

/** containerd and, through it, the snapshotter answer. */
async function answers(): Promise<void> {
  const isReady = await eventually(() => ctr("snapshots", "--snapshotter", "puzzlefs", "ls").status === 0);
  if (!isReady) throw new Error(["containerd", "snapshotter"].map((name) => log(name)).join("\n"));
}

const log = (name: string): string => readFileSync(join(state, `srv/${name}.log`), "utf8");

function succeeds(t: ExecutionContext, { status, stdout, stderr }: Outcome): string {
  t.is(status, 0, `${stderr}\n${stdout}\n${log("snapshotter")}`);
  return stdout;
}

const pull = (t: ExecutionContext, tag: string): string =>
  succeeds(t, ctr("images", "pull", "--snapshotter", "puzzlefs", "--plain-http", `${registry}/app:${tag}`));

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

const blobs = (): string[] =>
  ctr("content", "ls", "-q")
    .stdout.split("\n")
    .filter((line) => line !== "");

/** Kills a program of the machine, and waits until another one runs in its place. */
async function killed(t: ExecutionContext, pattern: RegExp): Promise<void> {
  const [process_] = running(pattern);
  t.truthy(process_, String(pattern));
  signalTo(process_?.pid, "SIGKILL");
  t.true(await eventually(() => running(pattern).some(({ pid }) => pid !== process_?.pid)));
  await answers();
}

/** What the snapshotter keeps, and what is mounted and runs for it. */
function left(): string[] {
  const at = (name: string): string => join(state, "var/lib", mark, name);
  const names = ["snapshots", "mounts", "store/blobs/sha256"].flatMap((name) => readdirSync(at(name)));
  const mounts = machine
    .inside("cat", "/proc/1/mountinfo")
    .stdout.split("\n")
    .filter((line) => line.includes(root));
  const servers = running(new RegExp(`^puzzlefs (mount|serve) ${root}`)).map(({ commandLine }) => commandLine);
  return [...names, ...mounts, ...servers];
}

/** Pulls images by Kubernetes' interface, runs a script in a pod of the last one, and removes all of it. */
async function inPod(
  t: ExecutionContext,
  tags: readonly string[],
  script: string,
  pulled: () => void = () => undefined,
): Promise<string> {
  const socket = join(scratch.directory("cri"), "socket");
  // The machine's /run is not to be seen from here: its socket is reached through process 1 of the machine.
  symlinkSync(machine.path("run/containerd/containerd.sock"), socket);
  const [runtime, images] = [new ServiceClient(RuntimeService, socket), new ServiceClient(ImageService, socket)];
  const { pullImage, removeImage, imageFsInfo } = ImageService.method;
  const { runPodSandbox, stopPodSandbox, removePodSandbox, createContainer, startContainer, execSync } =
    RuntimeService.method;
  const named = tags.map((tag) => ({ image: `${registry}/app:${tag}` }));
  const image = named.at(-1);
  try {
    let failure: unknown;
    const isPulled = async (): Promise<boolean> => {
      try {
        await images.call(pullImage, { image: named[0] });
        return true;
      } catch (error) {
        failure = error;
        return false;
      }
    };
    t.true(await eventually(isPulled), String(failure));
    for (const one of named.slice(1)) await images.call(pullImage, { image: one });
    pulled();
    const namespaceOptions = { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER };
    const securityContext = { namespaceOptions };
    const config = {
      metadata: { name: "pod", uid: mark, namespace: "default", attempt: 0 },
      logDirectory: "/srv/pod",
      linux: { cgroupParent: `/${mark}`, securityContext },
    };
    const { podSandboxId } = await runtime.call(runPodSandbox, { config });
    const container = { metadata: { name: "one", attempt: 0 }, image, logPath: "one.log", linux: { securityContext } };
    const { containerId } = await runtime.call(createContainer, {
      podSandboxId,
      config: container,
      sandboxConfig: config,
    });
    await runtime.call(startContainer, { containerId });
    const cmd = ["/bin/sh", "-c", script];
    const { stdout, exitCode } = await runtime.call(execSync, { containerId, cmd, timeout: 120n });
    t.is(exitCode, 0);
    const { imageFilesystems } = await images.call(imageFsInfo, {});
    t.is(imageFilesystems.length, 1);
    await runtime.call(stopPodSandbox, { podSandboxId });
    await runtime.call(removePodSandbox, { podSandboxId });
    // The sandbox's image is pulled with the pod.
    for (const one of [...named, { image: sandbox }]) await images.call(removeImage, { image: one });
    return Buffer.from(stdout).toString();
  } finally {
    runtime.close();
    images.close();
  }
}

/** Removes all images; then nothing is left. */
async function removed(t: ExecutionContext): Promise<void> {
  const names = ctr("images", "ls", "-q")
    .stdout.split("\n")
    .filter((line) => line !== "");
  if (names.length > 0) succeeds(t, ctr("images", "rm", "--sync", ...names));
  t.true(await eventually(() => left().length === 0), `${left().join("\n")}\n${log("snapshotter")}`);
  t.true(existsSync(join(state, "var/lib", mark, "snapshots.db")));
}

const step = problem === "" ? test.serial : test.serial.skip;
const title = (text: string): string => `${text}${problem && ` (${problem})`}`;

step(title("a packed image is pulled and runs, and a container writes over it"), (t) => {
  pull(t, "v1");
  const printed = once(
    t,
    "v1",
    "cat /data/text; echo; echo new > /new; echo changed > /data/text; cat /new /data/text; ls /",
  );
  t.is(printed, "the first version\nnew\nchanged\nbin\ndata\ndev\netc\nnew\nproc\nrun\nsys\ntmp\n");
  t.is(once(t, "v1", "cat /data/text; test -e /new || echo"), "the first version\n");
});

step(title("of the next version only what is new is fetched, and both run beside an ordinary image"), (t) => {
  const before = blobs();
  pull(t, "v2");
  // Manifest, configuration, bundle, a pack and the bootstrap.
  t.is(blobs().length - before.length, 5);
  pull(t, "ordinary");
  const compare = "cat /data/text; cmp /data/noise /data/noise";
  t.deepEqual(
    ["v1", "v2", "ordinary"].map((tag) => once(t, tag, compare)),
    ["the first version", "the second version", "the first version"],
  );
  const sizes = succeeds(t, ctr("snapshots", "--snapshotter", "puzzlefs", "usage"));
  t.is(sizes.trimEnd().split("\n").length, 4, sizes);
});

step(
  title("a container goes on when its image is removed, and when snapshotter and containerd are killed"),
  async (t) => {
    start(t, "v1", "kept");
    inside(t, "kept", "echo kept > /kept");
    succeeds(t, ctr("images", "rm", "--sync", `${registry}/app:v1`, `${registry}/app:ordinary`));
    t.is(readdirSync(content).length, blobs().length);
    const check = (): void =>
      void t.is(inside(t, "kept", "cat /kept /data/text; cmp /data/prose /data/prose"), "kept\nthe first version");
    check();
    await killed(t, new RegExp(`puzzlefs\\.js snapshotter --root ${root} `));
    check();
    t.is(once(t, "v2", "cat /data/text"), "the second version");
    await killed(t, new RegExp(`^containerd -c ${mark}\\.toml`));
    check();
    t.is(once(t, "v2", "cat /data/text"), "the second version");
    await end(t, "kept");
  },
);

step(title("Kubernetes' interface pulls, runs a pod, executes, and removes"), async (t) => {
  t.is(await inPod(t, ["v1", "v2"], "echo over >> /data/text; cat /data/text"), "the second versionover\n");
  t.regex(log("snapshotter"), /snapshot sha256:[0-9a-f]{64}: image sha256/, "the bootstrap was not unpacked");
});

step(title("when all images are removed, nothing is left"), (t) => removed(t));

step(
  title("of an image that was pushed for lazy use Kubernetes fetches no packs, and a pod reads all of it"),
  async (t) => {
    const packs = new Set(packsOf(store, "v1"));
    t.true(packs.size > 0);
    const script =
      "cat /data/text; cmp /data/prose /data/prose && cmp /data/noise /data/noise && echo over >> /data/text; cat /data/text";
    const printed = await inPod(t, ["v1-lazy"], script, () => {
      t.deepEqual(
        readdirSync(content).filter((name) => packs.has(name)),
        [],
      );
    });
    t.is(printed, "the first versionthe first versionover\n");
    t.regex(log("snapshotter"), /held, received \d+ bytes, [1-9]\d* of \d+ bytes are fetched later/);
    await removed(t);
  },
);

step(
  title("where containerd passes no labels it fetches the packs of such an image, and unpacks them as empty archives"),
  async (t) => {
    pull(t, "v2-lazy");
    t.is(
      once(t, "v2-lazy", "cat /data/text; cmp /data/noise /data/noise; echo new > /new; cat /new"),
      "the second versionnew\n",
    );
    await removed(t);
  },
);
