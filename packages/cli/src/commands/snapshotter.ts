import { startSnapshotter } from "@puzzlefs/containerd";
import { stderrLog } from "@puzzlefs/fuse";
import type { DriverChoice } from "@puzzlefs/mount";
import { absolutePath, Directory } from "@puzzlefs/linux";
import { choiceOption, defineCommand, type ManualCommand, parseTimeout } from "../command-line.ts";
import { registryOptions } from "../registry-options.ts";

interface Options {
  root: string;
  address: string;
  contentStore: string;
  driver: DriverChoice;
  plainHttp: boolean;
  authfile: string;
  fetchTimeout: number;
  hostsDir: string;
  kubeletAuthfile: string;
}

const ROOT = "/var/lib/puzzlefs";
const ADDRESS = "/run/puzzlefs/snapshotter.sock";
const HOSTS_DIR = "/etc/containerd/certs.d";
const KUBELET_FILE = "/var/lib/kubelet/config.json";
const CONTENT_STORE = "/var/lib/containerd/io.containerd.content.v1.content";

const example = `
  puzzlefs snapshotter
  puzzlefs snapshotter --root /srv/puzzlefs --address /run/puzzlefs.sock`;

const notes = `
Packed images, which any tool has pushed to a registry, are pulled by containerd itself. A container's root is an
overlay over the mounted image: nothing is unpacked. Ordinary images are unpacked as by containerd's own overlay
snapshotter. For images that were pushed with --lazy containerd fetches a few documents, if it passes names of images
to snapshotters: the rest is fetched by the snapshotter, with credentials of its own, when a container reads it or in
the background. The process stays in the foreground, and ends after SIGTERM, SIGINT or SIGHUP; mounts and containers
go on without it. It must run as root, in containerd's mount namespace.`;

export function define(): ManualCommand {
  const description = "Serve images to containerd, as a snapshotter in a process of its own.";
  return registryOptions(defineCommand({ name: "snapshotter", description, example, notes }))
    .usage("[OPTION]…")
    .option("--root <dir>", `where snapshots and images are kept (default: ${ROOT})`)
    .option("--address <socket>", `where containerd finds the snapshotter (default: ${ADDRESS})`)
    .option("--content-store <dir>", `containerd's content store (default: ${CONTENT_STORE})`)
    .addOption(
      choiceOption("--driver <driver>", "auto: the kernel driver if possible, else FUSE (default: auto)", [
        "auto",
        "kernel",
        "fuse",
      ]),
    )
    .option("--hosts-dir <dir>", `containerd's hosts.toml files and certificates (default: ${HOSTS_DIR})`)
    .option("--kubelet-authfile <file>", `further credentials, as kubelet has them (default: ${KUBELET_FILE})`)
    .option("--fetch-timeout <time>", "lazy images: after so long a read fails (default: 60)", parseTimeout);
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const given = command.opts<Partial<Options>>();
  const { plainHttp, authfile, fetchTimeout, hostsDir, kubeletAuthfile } = given;
  // The default need not exist.
  if (hostsDir !== undefined) Directory.open(hostsDir).close();
  const log = stderrLog();
  const signalled = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, resolve);
  });
  const snapshotter = await startSnapshotter({
    root: given.root ?? ROOT,
    address: given.address ?? ADDRESS,
    contentStore: given.contentStore ?? CONTENT_STORE,
    driver: given.driver ?? "auto",
    access: {
      ...(plainHttp !== undefined && { plainHttp }),
      // The fetcher works in another directory.
      ...(authfile !== undefined && { authFile: absolutePath(authfile) }),
      hostsDir: absolutePath(hostsDir ?? HOSTS_DIR),
      kubeletAuthFile: absolutePath(kubeletAuthfile ?? KUBELET_FILE),
    },
    ...(fetchTimeout !== undefined && { fetchTimeout }),
    log: (message) => log("info", message),
  });
  log("info", `${await signalled}: ends`);
  await snapshotter.stop();
  return 0;
}
