/** A machine with a release of containerd, runc of Debian 13, the snapshotter, and a registry with images. */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { eventually, noise, prose, running, signalTo } from "@puzzlefs/testing";
import type { ExecutionContext } from "ava";
import { installedLayer, obstacle, ServingMachine } from "../recipes/machine.ts";
import { build } from "../support/images.ts";
import { attempt, missing, type Outcome, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import type { Release } from "./releases.ts";

const BUSYBOX = "/bin/busybox";
const APPLETS = ["cat", "cmp", "ls", "sh", "sleep", "true"];
const SECONDS = "600";

export const registry = "localhost:5000";
/** Why there can be no such machine here; empty if there can. */
export const machineProblem = obstacle() || missing(BUSYBOX, "skopeo").join();

export class ContainerdMachine {
  readonly scratch = new Scratch();
  /** In command lines and names, so that nothing of another run is meant. */
  readonly mark = basename(this.scratch.path).toLowerCase();
  readonly sandbox = `${registry}/app:v1`;
  /** The layout with the images v1, v2 and ordinary, which are app:TAG in the registry; app:v1-lazy and app:v2-lazy were pushed for lazy use. */
  readonly store: string;
  /** containerd's content store, as it is seen from here. */
  readonly content: string;
  readonly #memory = this.scratch.directory("memory");
  readonly #state = join(this.#memory, "machine");
  /** The snapshotter's, on the machine, where overlays are possible. */
  readonly #root = `/var/lib/${this.mark}`;
  readonly #release: Release;
  #machine: ServingMachine | undefined;

  constructor(release: Release) {
    this.#release = release;
    this.store = join(this.#memory, "store");
    this.content = join(this.#state, "var/lib/containerd/io.containerd.content.v1.content/blobs/sha256");
  }

  async start(): Promise<void> {
    this.#buildImages();
    const layer = installedLayer(this.scratch);
    const { programs } = this.#release;
    if (programs !== undefined) {
      mkdirSync(join(layer, "usr/local"));
      run("cp", ["-rT", programs, join(layer, "usr/local/bin")]);
    }
    this.#machine = new ServingMachine(this.#state, layer, ["sh", "-c", this.#boot()]);
    await this.#machine.listens(5000);
    for (const tag of ["v1", "v2", "ordinary"]) {
      const copy = ["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"];
      this.#good("skopeo", ...copy, `oci:${this.store}:${tag}`, `docker://${registry}/app:${tag}`);
    }
    for (const tag of ["v1", "v2"])
      this.#good(puzzlefs, "push", "--plain-http", "--lazy", `${this.store}:${tag}`, `${registry}/app:${tag}-lazy`);
    await this.answers();
  }

  stop(): void {
    this.#machine?.stop();
    // runc makes one for each namespace of containerd in each hierarchy, and leaves it.
    attempt("sh", ["-c", `cd /sys/fs/cgroup && rmdir ${this.mark}/* ${this.mark} */${this.mark}/* */${this.mark}`]);
    this.scratch.remove();
  }

  get machine(): ServingMachine {
    if (this.#machine === undefined) throw new Error("not started");
    return this.#machine;
  }

  /** containerd's client, in a namespace of the tests. */
  ctr(...args: string[]): Outcome {
    return this.machine.inside("ctr", "--namespace", this.mark, ...args);
  }

  /** containerd and, through it, the snapshotter answer. */
  async answers(): Promise<void> {
    const isReady = await eventually(() => this.ctr("snapshots", "--snapshotter", "puzzlefs", "ls").status === 0);
    if (!isReady) throw new Error((["containerd", "snapshotter"] as const).map((name) => this.log(name)).join("\n"));
  }

  log(name: "containerd" | "snapshotter"): string {
    return readFileSync(join(this.#state, `srv/${name}.log`), "utf8");
  }

  /** Names in containerd's content store. */
  blobs(): string[] {
    return lines(this.ctr("content", "ls", "-q").stdout);
  }

  /** Kills the snapshotter or containerd, and waits until another one runs in its place. */
  async killed(t: ExecutionContext, program: "containerd" | "snapshotter"): Promise<void> {
    const pattern =
      program === "containerd"
        ? new RegExp(`^containerd -c ${this.mark}\\.toml`)
        : new RegExp(`puzzlefs\\.js snapshotter --root ${this.#root} `);
    const [process_] = running(pattern);
    t.truthy(process_, String(pattern));
    signalTo(process_?.pid, "SIGKILL");
    t.true(await eventually(() => running(pattern).some(({ pid }) => pid !== process_?.pid)));
    await this.answers();
  }

  /** Removes all images; then nothing is left. */
  async removed(t: ExecutionContext): Promise<void> {
    const names = lines(this.ctr("images", "ls", "-q").stdout);
    if (names.length > 0) {
      const { status, stderr } = this.ctr("images", "rm", "--sync", ...names);
      t.is(status, 0, stderr);
    }
    t.true(await eventually(() => this.#left().length === 0), `${this.#left().join("\n")}\n${this.log("snapshotter")}`);
    t.true(readdirSync(join(this.#state, "var/lib", this.mark)).includes("snapshots.db"));
  }

  /** What the snapshotter keeps, and what is mounted and runs for it. */
  #left(): string[] {
    const at = (name: string): string => join(this.#state, "var/lib", this.mark, name);
    const names = ["snapshots", "mounts", "store/blobs/sha256"].flatMap((name) => readdirSync(at(name)));
    const mounts = lines(this.machine.inside("cat", "/proc/1/mountinfo").stdout).filter((line) =>
      line.includes(this.#root),
    );
    const servers = running(new RegExp(`^puzzlefs (mount|serve) ${this.#root}`));
    return [...names, ...mounts, ...servers.map(({ commandLine }) => commandLine)];
  }

  #good(program: string, ...argv: string[]): void {
    const { status, stderr } = this.machine.onNetwork(program, ...argv);
    if (status !== 0) throw new Error(stderr);
  }

  /** Each program is started again when it ends. */
  #boot(): string {
    const snapshotter = `/run/${this.mark}.sock`;
    return `
printf '%s\\n' 'version: 0.1' 'storage: {filesystem: {rootdirectory: /srv/registry}}' 'http: {addr: "${registry}"}' > registry.yml
cat > ${this.mark}.toml <<'END'
${this.#release.config({ snapshotter, sandbox: this.sandbox })}
END
mkdir -p /run/containerd /etc/containers/registries.conf.d
printf '%s\\n' '[[registry]]' 'location = "${registry}"' 'insecure = true' > /etc/containers/registries.conf.d/local.conf
docker-registry serve registry.yml > registry.log 2>&1 &
while :; do puzzlefs snapshotter --root ${this.#root} --address ${snapshotter} >> snapshotter.log 2>&1; done &
while :; do containerd -c ${this.mark}.toml --log-level warn >> containerd.log 2>&1; done
`;
  }

  #buildImages(): void {
    const trees = { v1: join(this.#memory, "v1"), v2: join(this.#memory, "v2") };
    makeRoot(trees.v1);
    run("cp", ["-a", trees.v1, trees.v2]);
    writeFileSync(join(trees.v2, "data/text"), "the second version");
    const config = join(this.#memory, "config.json");
    const configuration = { architecture: "amd64", os: "linux", config: { Cmd: ["/bin/sleep", SECONDS] }, rootfs: {} };
    writeFileSync(config, JSON.stringify(configuration));
    const options = ["-c", "--packed", "--mtime", "keep", "--config", config];
    build(trees.v1, `${this.store}:v1`, ...options);
    build(trees.v2, `${this.store}:v2`, ...options, "-b", "v1");
    run(puzzlefs, ["export", "--layer", `${this.store}:ordinary`, `${this.store}:v1`]);
  }
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

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
