import { hasCode } from "@puzzlefs/linux";
import { Layout } from "@puzzlefs/oci";
import { enableVerity, readHeader } from "@puzzlefs/reader";
import { platformChoice, defineCommand, type ManualCommand, parseDigest, platformOption } from "../command-line.ts";
import { imageNameFrom } from "../image-name.ts";
import { writeLine } from "../terminal/output.ts";
import { formatCountOf } from "../terminal/quantities.ts";

const example = `
  puzzlefs enable-fs-verity ./store:v1 94a1…   the digest that 'puzzlefs build' printed`;

const notes = `
From then on the kernel refuses to read a blob of the image that was changed. The file system must support fs-verity:
ext4 created with -O verity, or btrfs. The older form OCI_DIR TAG DIGEST is accepted too.`;

export function define(): ManualCommand {
  return platformOption(
    defineCommand({
      name: "enable-fs-verity",
      description: "Enable fs-verity on all blobs of an image.",
      example,
      notes,
    }),
  )
    .usage("[OPTION]… OCI_DIR:TAG DIGEST")
    .argument("<oci_dir:tag>", "the image")
    .argument("<digest>", "the manifest's fs-verity digest, hex")
    .argument("[digest]");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const [ociDir, second, third] = command.args as [string, string, string | undefined];
  const digest = parseDigest(third ?? second);
  const name = imageNameFrom(ociDir, third === undefined ? undefined : second);
  using layout = Layout.open(name.ociDir);
  using image = layout.use(name.reference, platformChoice(command));
  const header = readHeader(layout, image.digest);
  let count: number;
  try {
    count = enableVerity(layout.blobs, header, digest);
  } catch (error) {
    if (!hasCode(error, "ENOTSUP", "EOPNOTSUPP", "ENOTTY")) throw error;
    throw new Error(`${layout.path}: no fs-verity there: neither all file systems nor all kernels have it`, {
      cause: error,
    });
  }
  writeLine(`fs-verity is enabled on ${formatCountOf(count, "blob")}`);
  return 0;
}
