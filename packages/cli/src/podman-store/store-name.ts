import { basename } from "node:path";
import { absolutePath } from "@puzzlefs/linux";
import { UsageError } from "../errors.ts";
import { type ImageName, parseImageName } from "../image-name.ts";

/** The longest name without its tag, as registries and podman limit it. */
const LONGEST = 255;

const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const host = `${label}(?:\\.${label})*(?::\\d{1,5})?`;
const word = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const NAME = new RegExp(`^((?:${host}/)?${word}(?:/${word})*)(?::(\\w[\\w.-]{0,127}))?$`);

/**
 * The full form of a name as podman stores it: a name without a host gets `localhost/`, one without a tag `:latest`. Undefined for
 * what podman would not accept, and for names with digests.
 */
export function fullName(text: string): string | undefined {
  const [, path, tag = "latest"] = NAME.exec(text) ?? [];
  if (path === undefined || path.length > LONGEST) return undefined;
  const [first = ""] = path.split("/");
  const hasHost = path.includes("/") && (/[.:]/.test(first) || first === "localhost");
  const named = hasHost ? path : `localhost/${path}`;
  return NAME.test(named) ? `${named}:${tag}` : undefined;
}

/** An image of a layout, and its name for podman. */
export interface NamedImage {
  image: ImageName;
  name: string;
}

/** OCI_DIR:TAG[=NAME]; neither a tag nor a name has a `=`. Without NAME it is the tag, if that has a path, else the layout's name with the tag. Throws UsageError. */
export function parseNamedImage(text: string): NamedImage {
  const [, left = text, given] = /^(.*[:@].*)=(.*)$/s.exec(text) ?? [];
  const image = parseImageName(left);
  const { ociDir, reference } = image;
  const proposed = given ?? (reference.includes("/") ? reference : `${basename(absolutePath(ociDir))}:${reference}`);
  const name = fullName(proposed);
  if (name !== undefined) return { image, name };
  if (given !== undefined)
    throw new UsageError(`'${given}' is not a name that podman accepts: [HOST/]PATH[:TAG] is expected`);
  throw new UsageError(`'${text}' makes no name that podman accepts: OCI_DIR:TAG=NAME is expected`);
}
