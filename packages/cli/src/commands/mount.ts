import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { mountForeground, spawnDaemon, stderrLog } from "@puzzlefs/fuse";
import { defineCommand, oneOf } from "../command-line.ts";
import { openOrdered, settingsOf, type DaemonOrder } from "../daemon-order.ts";
import { UsageError } from "../errors.ts";
import { parseImageName } from "../image-name.ts";

interface Options {
  foreground?: boolean;
  initPipe?: string;
  options: string[];
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
allow_other, noallow_other, uid=N, gid=N, nosuid, nodev, noexec, fsname=NAME, auto_unmount.`;

export async function run(argv: readonly string[]): Promise<number> {
  const command = defineCommand("mount", "Mount an image on a directory, read-only.", example)
    .usage("[OPTION]… OCI_DIR:TAG MNT")
    .argument("<oci_dir:tag>", "the image")
    .argument("<mnt>", "the mount point")
    .argument("[mnt]", "the mount point, in the older form OCI_DIR TAG MNT")
    .option("-f, --foreground", "stay in the foreground until unmounted")
    .option("-i, --init-pipe <fifo>", "write 's' into this fifo once mounted, 'f' if that fails")
    .option(
      "-o, --options <list>",
      "mount options, separated by commas",
      (text: string, all: string[]) => [...all, text],
      [],
    )
    .option("--verify <what>", "none, or blob: hash chunks before their first use", oneOf("none", "blob"), "none")
    .option("--debug", "with -f: log every request")
    .option("--log-file <file>", "where a daemon writes messages (default: the system's log, if there is one)")
    .parse(argv, { from: "user" });
  const given = command.opts<Options>();
  if (given.debug === true && given.foreground !== true) throw new UsageError("--debug needs -f");
  const order = orderOf(command.args, given);
  if (given.foreground === true) {
    const settings = { ...settingsOf(order), log: stderrLog(), debug: given.debug ?? false };
    await mountForeground(() => openOrdered(order), order.mountpoint, settings);
  } else {
    await spawnDaemon([daemonProgram(), JSON.stringify(order)]);
  }
  return 0;
}

/** Paths are made absolute: the daemon leaves our working directory. */
function orderOf(args: readonly string[], given: Options): DaemonOrder {
  const [first, second, third] = args as [string, string, string | undefined];
  const name = third === undefined ? parseImageName(first) : { ociDir: first, reference: second };
  return {
    ociDir: resolve(name.ociDir),
    reference: name.reference,
    mountpoint: resolve(third ?? second),
    options: given.options,
    verify: given.verify,
    ...(given.initPipe !== undefined && { initPipe: resolve(given.initPipe) }),
    ...(given.logFile !== undefined && { logFile: resolve(given.logFile) }),
  };
}

/** Beside us, both as a source and in the bundle. */
function daemonProgram(): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(here.endsWith(".ts") ? "../daemon.ts" : "./daemon.js", here));
}
