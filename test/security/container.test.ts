import { spawn } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PATIENCE, Random } from "@puzzlefs/testing";
import test from "ava";
import { attempt, isRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { checkoutForOthers, hasUserNamespaces, nobody } from "../support/other-users.ts";
import { Scratch } from "../support/scratch.ts";

/**
 * A daemon that was started inside the namespaces of a container, as LXC does it, and the container's root, which tries
 * all ways that lead out through it.
 */

/** How often a container is started that does nothing: a start that hangs would be one in many. */
const starts = Number(process.env["PUZZLEFS_STARTS"] ?? 30);
const busybox = "/bin/busybox";
const applets = "sh ls cat kill readlink sleep usleep grep mount umount mkdir cp id tr [ true".split(" ");

const scratch = new Scratch();
test.after.always(() => scratch.remove());

function obstacle(): string {
  if (!isRoot) return "needs root";
  const lacks = missing("/dev/fuse", "unshare", busybox, puzzlefs);
  if (lacks.length > 0) return `needs ${lacks.join(", ")}`;
  return attempt("unshare", ["--mount", "--pid", "--fork", "true"]).status === 0 ? "" : "needs namespaces";
}

const problem = obstacle();
const container = problem === "" ? test : test.skip;

/** A store with the image of a root directory that has busybox, and as its program what `go` contains. */
function storeWith(go: string, base: string): string {
  const root = join(base, "root");
  for (const name of ["bin", "dev", "proc", "old", "tmp"]) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(busybox, join(root, "bin/busybox"));
  for (const name of applets) symlinkSync("busybox", join(root, "bin", name));
  writeFileSync(join(root, "go"), go);
  // A file will do.
  writeFileSync(join(root, "dev/null"), "");
  run(puzzlefs, ["build", root, `${base}/store:v1`]);
  return `${base}/store:v1`;
}

const enter = join(import.meta.dirname, "container.sh");
const namespaces = ["--kill-child", "--mount", "--pid", "--fork"];

/** Runs a command to its end; what it printed. Undefined if it hangs. */
async function output(argv: readonly string[], env: Record<string, string> = {}): Promise<string | undefined> {
  const child = spawn(argv[0] as string, argv.slice(1), {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("latin1").on("data", (part: string) => (text += part));
  }
  let hangs = false;
  const timer = setTimeout(() => {
    hangs = true;
    child.kill("SIGKILL");
  }, PATIENCE);
  await new Promise((settle) => child.once("close", settle));
  clearTimeout(timer);
  return hangs ? undefined : text;
}

/** Starts a container and waits for its end; what it printed. */
function start(store: string, options: readonly string[], env?: Record<string, string>): Promise<string | undefined> {
  const state = scratch.directory("state");
  mkdirSync(join(state, "rootfs"));
  const script = [enter, puzzlefs, store, join(state, "rootfs"), join(state, "upper"), ...options];
  return output(["unshare", ...namespaces, "sh", ...script], env);
}

/** A directory of the host that nothing in a container may reach. */
function mark(): { directory: string; secret: string } {
  const directory = scratch.directory("host");
  const secret = `secret-${new Random().bits()}`;
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, "host"), "a file of the host\n");
  writeFileSync(join(directory, "secret"), secret, { mode: 0o600 });
  return { directory, secret };
}

const attack = join(import.meta.dirname, "attack.sh");

for (const [name, options] of [
  ["one process serves", []],
  ["supervised", ["--supervise"]],
] as const) {
  container(`root of a privileged container gets nowhere through the daemon: ${name}`, async (t) => {
    const base = scratch.directory("privileged");
    const { directory, secret } = mark();
    const store = storeWith(run("cat", [attack]), base);
    const found = await start(store, options, { MARK: directory, SECRET: secret, API_TOKEN: secret });
    t.is(found, "ATTACKED\n");
  });
}

container("root of an unprivileged container gets nowhere through the daemon", async (t) => {
  if (!hasUserNamespaces()) return t.log("skipped: no user namespaces here");
  const base = scratch.directory("unprivileged");
  const { directory, secret } = mark();
  const made = storeWith(run("cat", [attack]), base);
  const own = scratch.directory("own");
  cpSync(made.replace(/:v1$/, ""), join(own, "store"), { recursive: true });
  mkdirSync(join(own, "rootfs"));
  run("chown", ["-R", "65534:65534", own]);
  const script = `
    printf '#!/bin/sh\\nexec %s %s/build/lib/puzzlefs.js "$@"\\n' "$node" "$checkout" > ${own}/puzzlefs
    chmod +x ${own}/puzzlefs
    exec unshare --user --map-root-user ${namespaces.join(" ")} \\
      sh "$checkout/test/security/container.sh" ${own}/puzzlefs ${own}/store:v1 ${own}/rootfs ${own}/upper`;
  const [program, argv] = checkoutForOthers(scratch, nobody, script);
  t.is(await output([program, ...argv], { MARK: directory, SECRET: secret, API_TOKEN: secret }), "ATTACKED\n");
});

container(`${starts} containers start and end; none hangs`, async (t) => {
  const base = scratch.directory("starts");
  const store = storeWith("cat /bin/busybox > /tmp/copy && echo alive\n", base);
  for (let count = 0; count < starts; count++) {
    const options = count % 4 === 3 ? ["--supervise"] : [];
    t.is(await start(store, options), "alive\n", `start ${count + 1}`);
  }
});
