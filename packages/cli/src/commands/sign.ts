import { absolutePath, escapeText, jsonText, printable } from "@puzzlefs/linux";
import {
  fsVerityDigest,
  Layout,
  openSecretKey,
  parseSecretKey,
  parseSignature,
  secretKeyId,
  signMessage,
  storeSignature,
  verifySignature,
} from "@puzzlefs/oci";
import { readHeader } from "@puzzlefs/reader";
import { defineCommand, type ManualCommand, parseInteger, platformChoice, platformOption } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { parseImageName } from "../image-name.ts";
import { readKeyFile, readPublicKey } from "../key-files.ts";
import { lockWaiting } from "../lock-waiting.ts";
import { writeFileWhole } from "../output-file.ts";
import { writeLine } from "../terminal/output.ts";
import { askPassword, passwordFrom } from "../terminal/password.ts";
import { formatFields } from "../terminal/table.ts";

/** minisign refuses longer lines. */
const COMMENT_LIMIT = 8000;

interface Options {
  key?: string;
  passwordFd?: number;
  comment?: string;
  attach?: string;
  publicKey?: string;
  output?: string;
  json?: boolean;
}

const example = `
  minisign -G -p puzzlefs.pub -s puzzlefs.key            makes a pair of keys
  puzzlefs sign --key puzzlefs.key ./store:v1
  puzzlefs verify --signature puzzlefs.pub ./store:v1
  puzzlefs mount --require-signature puzzlefs.pub ./store:v1 /mnt`;

const notes = `
Keys and signatures have the formats of minisign. Signed are the bytes of the canonical manifest, which name every
byte of the image, so a signature stays good when the image is packed, unpacked or pushed. It is stored in the layout
as an artifact of its own, one for each key, with the tag sha256-DIGEST.KEYID.minisig; gc removes it when no tag names
the image any more.`;

export function define(): ManualCommand {
  return platformOption(
    defineCommand({ name: "sign", description: "Sign an image, or store a signature of it.", example, notes }),
  )
    .usage("[OPTION]… OCI_DIR:TAG")
    .argument("<oci_dir:tag>", "the image")
    .option("--key <file>", "sign by this secret key of minisign")
    .option(
      "--password-fd <n>",
      "read the key's password from this descriptor (default: ask on the terminal)",
      parseInteger,
    )
    .option("--comment <text>", "the signed comment (default: time, digests and tag)")
    .option("--attach <file>", "store this signature, which minisign made of the canonical manifest")
    .option("--public-key <file>", "with --attach: the public key that made it")
    .option("-o, --output <file>", "write the signature to this file too")
    .option("--json", "print digests and key as JSON");
}

export async function run(argv: readonly string[]): Promise<number> {
  const command = define().parse(argv, { from: "user" });
  const options = command.opts<Options>();
  const { key, attach, publicKey, output } = options;
  if ((key === undefined) === (attach === undefined)) throw new UsageError("--key or --attach: one of them");
  if ((attach === undefined) !== (publicKey === undefined))
    throw new UsageError("--attach needs --public-key, and only that");
  const { ociDir, reference } = parseImageName(command.args[0] as string);
  using layout = Layout.open(ociDir, lockWaiting());
  using used = layout.use(reference, platformChoice(command));
  const header = readHeader(layout, used.digest);
  using opened = new DisposableStack();
  if (header.packed !== undefined) opened.defer(() => header.blobs.close());
  const image = {
    manifest: header.manifestDigest,
    manifestVerity: fsVerityDigest(header.manifest).toString("hex"),
    bytes: header.manifest,
    reference,
  };
  const made = key === undefined ? attached(options, image) : await signed(key, options, image);
  storeSignature(layout, image.bytes, made.keyId, made.text);
  if (output !== undefined) writeFileWhole(absolutePath(output), (append) => append(Buffer.from(made.text)));
  const { manifest, manifestVerity } = image;
  const { keyId, comment } = made;
  if (options.json === true) writeLine(jsonText({ manifest, manifestVerity, key: keyId, comment }));
  else
    writeLine(
      formatFields([
        ["signed", `sha256:${manifest}`],
        ["fs-verity", manifestVerity],
        ["key", keyId],
        ["comment", escapeText(comment)],
      ]),
    );
  return 0;
}

interface Signed {
  keyId: string;
  comment: string;
  text: string;
}

interface Image {
  manifest: string;
  manifestVerity: string;
  /** The canonical manifest. */
  bytes: Buffer;
  reference: string;
}

async function signed(path: string, { passwordFd, comment }: Options, image: Image): Promise<Signed> {
  const text = comment ?? `time:${new Date().toISOString()} ${digestsOf(image)}`;
  if (escapeText(text) !== text) throw new UsageError("--comment is one line of text");
  if (Buffer.byteLength(text) > COMMENT_LIMIT) throw new UsageError(`--comment has at most ${COMMENT_LIMIT} bytes`);
  const file = parseSecretKey(readKeyFile(path), printable(path));
  const password = !file.isEncrypted
    ? Buffer.alloc(0)
    : passwordFd === undefined
      ? await askPassword(`Password of ${printable(path)}: `)
      : passwordFrom(passwordFd);
  const key = openSecretKey(file, password);
  return { keyId: secretKeyId(key), comment: text, text: signMessage(key, image.bytes, text) };
}

function digestsOf({ manifest, manifestVerity, reference }: Image): string {
  return `manifest:sha256:${manifest} fs-verity:${manifestVerity} tag:${escapeText(reference)}`;
}

/** Verifies a signature before it is stored. */
function attached({ attach = "", publicKey = "" }: Options, image: Image): Signed {
  const text = readKeyFile(attach);
  const key = readPublicKey(publicKey);
  const signature = parseSignature(text, printable(attach));
  return { keyId: key.id, comment: verifySignature(signature, image.bytes, key, printable(attach)), text };
}
