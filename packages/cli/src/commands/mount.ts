import { absolutePath } from "@puzzlefs/linux";
import { type DriverChoice, readImageOptions } from "@puzzlefs/mount";
import { platformText, type Platform } from "@puzzlefs/oci";
import {
  choiceOption,
  collect,
  defineCommand,
  type ManualCommand,
  parseDigest,
  parseTimeout,
  parseSizeOption,
  platformOption,
} from "../command-line.ts";
import type { MountSettings } from "../perform-mount.ts";
import { UsageError } from "../errors.ts";
import { imageNameFrom } from "../image-name.ts";
import { signatureSettings } from "../key-files.ts";
import { performMount } from "../perform-mount.ts";
import { registryOptions } from "../registry-options.ts";
import { remoteName } from "../remote-name.ts";

interface Options {
  foreground?: boolean;
  initPipe?: string;
  options?: string[];
  digest?: string;
  verify?: "none" | "blob";
  requireSignature?: string;
  writable?: boolean;
  persist?: string;
  driver?: DriverChoice;
  debug?: boolean;
  logFile?: string;
  supervise?: boolean;
  shared?: boolean;
  platform?: Platform;
  store?: string;
  lazy?: boolean;
  fill: boolean;
  reserve?: number;
  fetchTimeout?: number;
}

const example = `
  puzzlefs mount ./store:v1 /mnt                       returns when /mnt can be used
  ls /mnt
  puzzlefs umount /mnt

  puzzlefs mount --persist ./changes ./store:v1 /mnt   writable; changes are kept in ./changes
  puzzlefs mount registry.example.com/app:v2 /mnt      usable at once: chunks are fetched when they are read
  puzzlefs mount -f --debug ./store:v1 /mnt            stays, and logs every request`;

const notes = `
Mounts by the kernel driver if it is available, else by FUSE, as root or as an ordinary user (with fusermount3,
Debian's package fuse3). umount(8) unmounts too.

Mounts are nosuid and nodev. Options after -o: suid, dev (in fstab allow_suid, allow_dev), noexec, nosymfollow, ro,
noatime and the others of mount(8), verity=HEX, verify=blob, require_signature=KEY, driver=NAME, writable,
persist=DIR, overlay_attributes, supervise, shared, lazy, log_file=FILE, platform=OS/ARCH, fsname=NAME; only with FUSE:
noallow_other, uid=N, gid=N, max_read=N, readahead=KIB, auto_unmount, cache=BYTES. Commas in a value:
persist="DIR,WITH,COMMAS". With -w or -p, ro makes the overlay read-only. The older form OCI_DIR TAG MNT is accepted
too.

REGISTRY/REPO[:TAG][@DIGEST] mounts an image that is in a registry, as after 'puzzlefs pull --lazy' into a layout of
the user's: its metadata is received, chunks are fetched when they are read, each checked against its digest, and the
others in the background. While the registry cannot be reached, reads wait; after --fetch-timeout they fail with EIO.
Lazy images are mounted by FUSE, with --lazy by the kernel driver if it is available. The registry is anything whose
first part has a dot or a colon, or is localhost, unless a local directory or layout has that name; docker:// may
precede it.`;

export function define(): ManualCommand {
  const description = "Mount an image on a directory.";
  return registryOptions(platformOption(defineCommand({ name: "mount", description, example, notes })))
    .usage("[OPTION]… OCI_DIR:TAG|REGISTRY/REPO:TAG MNT")
    .argument("<oci_dir:tag>", "the image")
    .argument("<mnt>", "the mount point")
    .argument("[mnt]")
    .option("-f, --foreground", "stay in the foreground until unmounted (FUSE)")
    .option("-i, --init-pipe <fifo>", "write 's' into this fifo once mounted, 'f' if that fails")
    .option("-o, --options <list>", "mount options, separated by commas", collect)
    .option(
      "-d, --digest <hex>",
      "require this fs-verity digest of the manifest, and of each blob the recorded one; 'signed': that of the signed manifest",
      (text) => (text === "signed" ? text : parseDigest(text)),
    )
    .option(
      "--require-signature <file>",
      "require a signature of the image by this public key of minisign (see 'puzzlefs sign'); implies --verify blob, unless --digest or --verify is given",
    )
    .addOption(
      choiceOption("--verify <what>", "blob: hash each chunk whenever it is read (default: none)", ["none", "blob"]),
    )
    .option("-w, --writable", "allow changes; they are kept in memory until it is unmounted")
    .option("-p, --persist <upper>", "allow changes, and keep them in this directory; its work directory is UPPER.work")
    .addOption(choiceOption("--driver <which>", "which driver mounts (default: auto)", ["auto", "kernel", "fuse"]))
    .option("-v, --debug", "log every request: to stderr with -f, else to the log file (FUSE)")
    .option("--log-file <file>", "write messages to this file (default: stderr with -f, else the system log)")
    .option("--shared", "by one supervised process for all mounts of the store that have this option (FUSE)")
    .option("--supervise", "if the process that serves the mount dies, another one takes over (FUSE)")
    .option("--store <dir>", "the layout for images of registries (default: ~/.cache/puzzlefs/lazy)")
    .option("--lazy", "lazy image: by the kernel driver too; opening a file waits until all of it is fetched (root)")
    .option("--no-fill", "lazy image: fetch nothing in the background")
    .option("--reserve <size>", "lazy image: leave so much of the disk free (default: 64M)", parseSizeOption)
    .option("--fetch-timeout <time>", "lazy image: after so long a read fails (default: 60)", parseTimeout);
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const given = command.opts<Options>();
  const [image, ...others] = command.args as [string, ...string[]];
  const source = others.length === 1 ? remoteName(image) : undefined;
  if (source === undefined) {
    await performMount(mountSettings(command.args, given));
    return 0;
  }
  // Loading it takes as long as half of a mount.
  const { lazyStore, pullForMount } = await import("../remote-mount.ts");
  const ociDir = given.store ?? lazyStore();
  const { name, reference } = await pullForMount(command, source, ociDir, keyFileOf(given));
  const settings = mountSettings([ociDir, reference, ...others], given);
  await performMount({ ...settings, source: name });
  return 0;
}

function keyFileOf({ requireSignature, options = [] }: Options): string | undefined {
  const inList = readImageOptions(options).requireSignature;
  return agreed("--require-signature", requireSignature, "require_signature", inList);
}

/** Paths are made absolute: a daemon leaves our working directory. */
function mountSettings(args: readonly string[], given: Options): MountSettings {
  const [first, second, third] = args as [string, string, string | undefined];
  const { ociDir, reference } = imageNameFrom(first, third === undefined ? undefined : second);
  const imageOptions = readImageOptions(given.options ?? []);
  if (
    imageOptions.ociRootDir !== undefined ||
    imageOptions.imageManifest !== undefined ||
    imageOptions.tag !== undefined
  ) {
    throw new UsageError("oci_root_dir=, image_manifest= and tag= are for mount(8); here OCI_DIR:TAG names the image");
  }
  const logFile = agreed("--log-file", given.logFile, "log_file", imageOptions.logFile);
  const persist = agreed("--persist", given.persist, "persist", imageOptions.persist);
  const digest = agreed("--digest", given.digest, "verity", imageOptions.verity);
  const verify = agreed("--verify", given.verify, "verify", imageOptions.verify);
  const keyFile = keyFileOf(given);
  // Only the FUSE server has requests to log.
  const shows = given.debug === true;
  if (shows && given.foreground !== true && logFile === undefined)
    throw new UsageError("--debug needs -f or --log-file");
  const platform = agreed("--platform", given.platform, "platform", imageOptions.platform, platformText);
  const driver = agreed("--driver", given.driver, "driver", imageOptions.driver) ?? "auto";
  if (shows && driver === "kernel") throw new UsageError("--debug is for FUSE: the kernel driver shows no requests");
  return {
    ociDir: absolutePath(ociDir),
    reference,
    mountpoint: absolutePath(third ?? second),
    source: `${absolutePath(ociDir)}:${reference}`,
    options: imageOptions.options,
    driver: shows ? "fuse" : driver,
    ...signatureSettings(keyFile, verify, digest),
    writable: given.writable ?? imageOptions.writable ?? false,
    foreground: given.foreground ?? false,
    debug: shows,
    supervise: given.supervise ?? imageOptions.supervise ?? false,
    shared: given.shared ?? imageOptions.shared ?? false,
    lazy: {
      fill: given.fill,
      byDriver: given.lazy ?? imageOptions.lazy ?? false,
      ...(given.reserve !== undefined && { reserve: given.reserve }),
      ...(given.fetchTimeout !== undefined && { timeout: given.fetchTimeout }),
    },
    ...(platform !== undefined && { platform }),
    ...(imageOptions.overlayAttributes === true && { overlayAttributes: true }),
    ...(digest !== undefined && { digest }),
    ...(persist !== undefined && { persist: absolutePath(persist) }),
    ...(given.initPipe !== undefined && { initPipe: absolutePath(given.initPipe) }),
    ...(logFile !== undefined && { logFile: absolutePath(logFile) }),
  };
}

/** An option that can be given in two ways. Of several after -o the last counts; two ways that differ are a mistake. */
function agreed<T>(
  flag: string,
  given: T | undefined,
  name: string,
  option: T | undefined,
  textOf: (value: T) => string = String,
): T | undefined {
  if (given !== undefined && option !== undefined && textOf(given) !== textOf(option)) {
    throw new UsageError(`${flag} ${textOf(given)} and -o ${name}=${textOf(option)}: which?`);
  }
  return given ?? option;
}
