import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { fileLog, mountForeground, spawnDaemon, stderrLog } from "@puzzlefs/fuse";
import { defineCommand, oneOf, parseDigest } from "../command-line.ts";
import { openOrdered, settingsOf, type DaemonOrder } from "../daemon-order.ts";
import { UsageError } from "../errors.ts";
import { imageNameFrom } from "../image-name.ts";

interface Options {
  foreground?: boolean;
  initPipe?: string;
  options?: string[];
  digest?: string;
  verify: "none" | "blob";
  debug?: boolean;
  logFile?: string;
}

const example = `
  puzzlefs mount ./store:v1 /mnt               returns once /mnt can be used
  ls /mnt
  puzzlefs umount /mnt

  puzzlefs mount -f --debug ./store:v1 /mnt    stays, and shows every request

Mounts by FUSE, as root or as an ordinary user (who needs fusermount3, Debian's package fuse3). Useful after -o:
allow_other, noallow_other, uid=N, gid=N, nosuid, nodev, noexec, fsname=NAME, auto_unmount; verity=HEX and verify=blob
mean the same as --digest and --verify. The older form OCI_DIR TAG MNT is understood as well.`;

export async function run(argv: readonly string[]): Promise<number> {
  const command = defineCommand("mount", "Mount an image on a directory, read-only.", example)
    .usage("[OPTION]… OCI_DIR:TAG MNT")
    .argument("<oci_dir:tag>", "the image")
    .argument("<mnt>", "the mount point")
    .argument("[mnt]")
    .option("-f, --foreground", "stay in the foreground until unmounted")
    .option("-i, --init-pipe <fifo>", "write 's' into this fifo once mounted, 'f' if that fails")
    .option("-o, --options <list>", "mount options, separated by commas", splitOptions)
    .option("-d, --digest <hex>", "demand this fs-verity digest of the manifest, enforced by the kernel", parseDigest)
    .option("--verify <what>", "none, or blob: hash chunks before their first use", oneOf("none", "blob"), "none")
    .option("-v, --debug", "log every request: to stderr with -f, else to the log file")
    .option("--log-file <file>", "where messages go (default: stderr with -f, else the system's log, if there is one)")
    .parse(argv, { from: "user" });
  const given = withMountWords(command.opts<Options>());
  if (given.debug === true && given.foreground !== true && given.logFile === undefined) {
    throw new UsageError("--debug needs -f or --log-file");
  }
  const order = orderOf(command.args, given);
  if (given.foreground === true) {
    const log = order.logFile === undefined ? stderrLog() : fileLog(order.logFile).log;
    await mountForeground(() => openOrdered(order), order.mountpoint, { ...settingsOf(order), log });
  } else {
    await spawnDaemon([daemonProgram(), JSON.stringify(order)]);
  }
  return 0;
}

function splitOptions(text: string, before: string[] = []): string[] {
  return [...before, ...text.split(",")];
}

/** The kernel driver's mount options that are options of ours: fstab has only -o. */
function withMountWords(given: Options): Options {
  const result = { ...given, options: [] as string[] };
  for (const word of given.options ?? []) {
    if (word.startsWith("verity=")) result.digest = parseDigest(word.slice("verity=".length));
    else if (word.startsWith("verify=")) result.verify = oneOf("none", "blob")(word.slice("verify=".length));
    else result.options.push(word);
  }
  return result;
}

/** Paths are made absolute: the daemon leaves our working directory. */
function orderOf(args: readonly string[], given: Options): DaemonOrder {
  const [first, second, third] = args as [string, string, string | undefined];
  const name = imageNameFrom(first, third === undefined ? undefined : second);
  return {
    ociDir: resolve(name.ociDir),
    reference: name.reference,
    mountpoint: resolve(third ?? second),
    options: given.options ?? [],
    verify: given.verify,
    debug: given.debug ?? false,
    ...(given.digest !== undefined && { digest: given.digest }),
    ...(given.initPipe !== undefined && { initPipe: resolve(given.initPipe) }),
    ...(given.logFile !== undefined && { logFile: resolve(given.logFile) }),
  };
}

/** Beside us, both as a source and in the bundle. */
function daemonProgram(): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(here.endsWith(".ts") ? "../daemon.ts" : "./daemon.js", here));
}
