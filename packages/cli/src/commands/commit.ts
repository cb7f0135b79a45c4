import { commit, openIndex, type CommitResult, type Progress } from "@puzzlefs/builder";
import { FileStatus, type Directory } from "@puzzlefs/linux";
import { RestingUpper, type RestingOptions } from "@puzzlefs/mount";
import { isTag, Layout } from "@puzzlefs/oci";
import { BuildProgress } from "../build-progress.ts";
import { reportImage } from "../build-report.ts";
import { defineCommand, platformChoice, platformOption, type ManualCommand } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { checkComplete, parseImageName } from "../image-name.ts";
import { interruptible } from "../interruption.ts";
import { givenOptions, rebuildOptions, type RebuildOptions } from "../rebuild-options.ts";
import { warning } from "../terminal/messages.ts";

interface Options extends RebuildOptions, RestingOptions {
  selinux?: boolean;
}

const example = `
  puzzlefs mount --persist changes ./store:v1 mnt
  touch mnt/new                                   any change of what is mounted
  puzzlefs umount mnt
  puzzlefs commit ./store:v1 changes ./store:v2   v2 has the changes; v1 stays as it is`;

const notes = `
UPPER is the directory of 'puzzlefs mount --persist', or the upper directory of any overlay over a mount of BASE. No
mount may use it. Files that were not changed are not read.`;

export function define(): ManualCommand {
  return rebuildOptions(
    platformOption(
      defineCommand({
        name: "commit",
        description: "Make an image of what was written over a mount of another image.",
        example,
        notes,
      }),
    ),
  )
    .usage("[OPTION]… OCI_DIR:BASE UPPER OCI_DIR:NEW")
    .argument("<oci_dir:base>", "the image that was mounted")
    .argument("<upper>", "the directory with the changes")
    .argument("<oci_dir:new>", "the result, in the same layout")
    .option("--work <dir>", "the work directory of the overlay (default: UPPER.work, where there is one)")
    .option("--userxattr", "the overlay was mounted with userxattr (default: in a user namespace)")
    .option("--selinux", "keep security.selinux attributes (default: if the image has any)");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [image, path, result] = command.args as [string, string, string];
  const [base, to] = [parseImageName(image), parseImageName(result)];
  if (!isTag(to.reference)) throw new UsageError(`'${result}' does not name a tag: OCI_DIR:NEW is expected`);
  refuseOtherLayout(base.ociDir, to.ociDir);
  checkComplete(image, platformChoice(command));
  const { json = false, selinux, work, userxattr } = command.opts<Options>();
  const given = { ...givenOptions(command), ...(selinux !== undefined && { selinux }) };
  using resting = await RestingUpper.open(path, {
    ...(work !== undefined && { work }),
    ...(userxattr !== undefined && { userxattr }),
  });
  using index = resting.work === undefined ? undefined : openIndex(resting.work);
  const bar = new BuildProgress("committing");
  const start = performance.now();
  try {
    const { directory, prefix } = resting;
    const options = {
      ...given,
      ociDir: base.ociDir,
      base: base.reference,
      choice: platformChoice(command),
      tag: to.reference,
      upper: { directory, prefix, index },
      opened: (digest: string): void => checkImage(resting, index, digest),
    };
    const progress = (now: Progress): void => bar.update(now, undefined);
    const made = await interruptible((check) => commit({ ...options, warn: warning, progress, check }));
    bar.finish();
    conclude(made, result);
    reportImage(made, (performance.now() - start) / 1000, json);
  } finally {
    bar.finish();
  }
  return 0;
}

/** The result has chunks of the base, which are not copied. */
function refuseOtherLayout(one: string, other: string): void {
  using from = Layout.open(one);
  using to = Layout.open(other);
  if (identityOf(from.directory) === identityOf(to.directory)) return;
  throw new UsageError(`${one} and ${other} are two layouts: the new image is stored beside its base`);
}

function identityOf({ descriptor }: Directory): string {
  const status = new FileStatus();
  status.readDescriptor(descriptor);
  return status.identity;
}

/** `#`: temporary files of overlayfs. */
const TEMPORARY = 0x23;

/** Warns about changes that were made over another image. Its inodes are other ones, so that an index of hard links is of no use. */
function checkImage({ image, directory, work }: RestingUpper, index: Directory | undefined, digest: string): void {
  if (image === undefined || image === digest) return;
  const what = `${directory.path}: changes of another image, ${image}, are laid over ${digest}`;
  if (index?.entries().some(({ name }) => name[0] !== TEMPORARY) === true)
    throw new Error(`${what}, and files with hard links were changed: ${work?.pathOf("index")} is for that image only`);
  warning(what);
}

function conclude({ canonical }: CommitResult, image: string): void {
  if (canonical) return;
  warning(
    `${image}: its chunks are not those of a fresh build, as those of the base are not; 'canonicalize' makes them so`,
  );
}
