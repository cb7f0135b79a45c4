/**
 * mount.puzzlefs, which mount(8) runs for `-t puzzlefs` and for lines of /etc/fstab. It has the arguments and exit codes of
 * mount(8)'s helpers.
 */
import { splitOptions } from "@puzzlefs/fuse";
import { absolutePath, escapeText, hasCode } from "@puzzlefs/linux";
import { isKnownOption, readImageOptions, remount, type ImageOptions } from "@puzzlefs/mount";
import { collect, defineCommand, type ManualCommand } from "./command-line.ts";
import type { MountSettings } from "./perform-mount.ts";
import { EXIT_INTERNAL, EXIT_USAGE, MountInterruptedError, UsageError } from "./errors.ts";
import { type ImageName, parseImageName } from "./image-name.ts";
import { signatureSettings } from "./key-files.ts";
import { performMount } from "./perform-mount.ts";
import { writeLine } from "./terminal/output.ts";

/**
 * Exit codes of mount(8). Two of its list are not used here: 16 is about mtab, 64 about several mounts.
 */
const INCORRECT_INVOCATION = 1;
const SYSTEM_ERROR = 2;
const INTERNAL_BUG = 4;
const USER_INTERRUPT = 8;
const MOUNT_FAILURE = 32;

/** Codes of errors that are due to the caller's rights, and to the system's resources. */
const PERMISSIONS = ["EPERM", "EACCES"];
const RESOURCES = ["ENOMEM", "EMFILE", "ENFILE", "EAGAIN"];

interface Flags {
  options?: string[];
  fake?: boolean;
  sloppy?: boolean;
  verbose?: boolean;
  type?: string;
  namespace?: string;
}

const example = `
  mount -t puzzlefs -o oci_root_dir=/srv/store,image_manifest=<64 hex digits> none /mnt
  mount -t puzzlefs -o oci_root_dir=/srv/store,tag=v1 none /mnt
  mount -t puzzlefs /srv/store:v1 /mnt

In /etc/fstab:
  /srv/store:v1  /mnt  puzzlefs  verify=blob,nosuid,nodev,nofail  0 0
  /srv/store:v1  /mnt  puzzlefs  persist=/var/lib/changes         0 0`;

const notes = `
OCI_DIR:TAG is split as by 'puzzlefs mount'; platform=OS/ARCHITECTURE selects one of several images of the tag.
driver=kernel or driver=fuse allows one driver only; without it the kernel driver is used if available, else FUSE. Other
options: 'puzzlefs mount --help'. Options for mount(8) alone (noauto, nofail, _netdev, user, x-systemd.…) are ignored.
The last of opposite options counts. 'remount' changes nosuid, nodev, noexec, nosymfollow, access times, and ro of a writable
mount; what it cannot change is refused.

Exit codes are those of mount(8): 1 wrong usage or permissions, 2 system error, 4 internal bug, 8 interrupted, 32 failed.`;

const NAME = "mount.puzzlefs";

export function define(): ManualCommand {
  return defineCommand({
    name: NAME,
    description: "Mount a PuzzleFS image, for mount(8).",
    example,
    notes,
    program: NAME,
  })
    .usage("SOURCE MNT [-sfnv] [-o OPTIONS] [-t TYPE]")
    .argument("<source>", "OCI_DIR:TAG, or anything if the options name the image")
    .argument("<mnt>", "the mount point")
    .option("-o, --options <list>", "mount options, separated by commas", collect)
    .option("-s, --sloppy", "ignore unknown options")
    .option("-f, --fake", "do not mount")
    .option("-n, --no-mtab", "ignored, for compatibility")
    .option("-v, --verbose", "print the driver that mounted it")
    .option("-t, --type <type>", "puzzlefs, or fuse.puzzlefs: by FUSE")
    .option("-N, --namespace <namespace>", "not supported: use nsenter(1)");
}

async function run(argv: readonly string[]): Promise<void> {
  const command = define().parse(argv, { from: "user" });
  const flags = command.opts<Flags>();
  if (flags.namespace !== undefined) throw new UsageError("-N is not supported; use nsenter --mount=NAMESPACE mount …");
  const [source, mountpoint] = command.args as [string, string];
  const imageOptions = readImageOptions(flags.options ?? []);
  if (imageOptions.remount === true) return remountAs(mountpoint, flags);
  if (flags.sloppy === true) imageOptions.options = imageOptions.options.filter(isKnownOption);
  const byFuse = flags.type?.startsWith("fuse.") === true;
  const order = mountSettings(source, mountpoint, byFuse ? { ...imageOptions, driver: "fuse" } : imageOptions);
  if (flags.fake === true) return;
  const driver = await performMount(order);
  if (flags.verbose === true) {
    writeLine(`${NAME}: ${escapeText(mountpoint)} mounted by ${driver === "kernel" ? "the kernel driver" : "FUSE"}`);
  }
}

function remountAs(mountpoint: string, { options = [], fake, sloppy }: Flags): void {
  const others = options.flatMap(splitOptions).filter((option) => option !== "remount");
  if (fake !== true) remount(mountpoint, others, sloppy === true);
}

function mountSettings(source: string, mountpoint: string, imageOptions: ImageOptions): MountSettings {
  const { ociDir, reference } = imageOf(source, imageOptions);
  return {
    ociDir: absolutePath(ociDir),
    reference,
    mountpoint: absolutePath(mountpoint),
    source,
    options: imageOptions.options,
    driver: imageOptions.driver ?? "auto",
    ...signatureSettings(imageOptions.requireSignature, imageOptions.verify, imageOptions.verity),
    writable: imageOptions.writable ?? false,
    foreground: false,
    debug: false,
    supervise: imageOptions.supervise ?? false,
    shared: imageOptions.shared ?? false,
    ...(imageOptions.platform !== undefined && { platform: imageOptions.platform }),
    ...(imageOptions.overlayAttributes === true && { overlayAttributes: true }),
    ...(imageOptions.lazy === true && { lazy: { byDriver: true } }),
    ...(imageOptions.verity !== undefined && { digest: imageOptions.verity }),
    ...(imageOptions.persist !== undefined && { persist: absolutePath(imageOptions.persist) }),
    ...(imageOptions.logFile !== undefined && { logFile: absolutePath(imageOptions.logFile) }),
  };
}

/** The image from the kernel driver's options and tag=, else from the source. */
function imageOf(source: string, { ociRootDir, imageManifest, tag }: ImageOptions): ImageName {
  const reference = imageManifest ?? tag;
  if (imageManifest !== undefined && tag !== undefined) throw new UsageError("image_manifest= or tag=, not both");
  if (ociRootDir !== undefined && reference !== undefined) return { ociDir: ociRootDir, reference };
  if (ociRootDir !== undefined) throw new UsageError("which image? image_manifest=SHA256 or tag=TAG is missing");
  if (reference !== undefined) throw new UsageError("where? oci_root_dir=DIR is missing");
  return parseImageName(source);
}

export async function main(argv: readonly string[]): Promise<number> {
  await run(argv);
  return 0;
}

/** The exit code of mount(8) for an error whose code is `code` in errors.ts. */
export function translate(code: number, error: unknown): number {
  if (code === 0) return 0;
  if (code === EXIT_INTERNAL) return INTERNAL_BUG;
  if (code === EXIT_USAGE || hasCode(error, ...PERMISSIONS)) return INCORRECT_INVOCATION;
  if (hasCode(error, ...RESOURCES)) return SYSTEM_ERROR;
  return error instanceof MountInterruptedError ? USER_INTERRUPT : MOUNT_FAILURE;
}
