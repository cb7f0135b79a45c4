import { userInfo } from "node:os";
import { join } from "node:path";
import { isNamed } from "@puzzlefs/linux";
import { isTag, Layout } from "@puzzlefs/oci";
import { parseReference, RegistryError } from "@puzzlefs/registry";
import type { Command } from "commander";
import { platformChoice } from "./command-line.ts";
import { UsageError } from "./errors.ts";
import { signatureChoice } from "./key-files.ts";
import { pullLazily } from "./pull-lazily.ts";
import { warning } from "./terminal/messages.ts";

/**
 * The layout of the user for images that are mounted from registries. It can be removed: everything in it can be fetched again. The environment
 * does not matter: hooks of containers mount with that of an image.
 */
export function lazyStore(): string {
  return join(userInfo().homedir, ".cache/puzzlefs/lazy");
}

/**
 * Gets the metadata of an image into a layout, under its name in the registry as tag, and its signatures if one by a key is required.
 * If the registry cannot be reached, the image that had the name before is taken.
 */
export async function pullForMount(
  command: Command,
  image: string,
  ociDir: string,
  keyFile: string | undefined,
): Promise<{ name: string; reference: string }> {
  const source = parseReference(image);
  const { host, repository, tag: named, digest } = source;
  const version = digest ?? named ?? "latest";
  const name = `${host === undefined ? "" : `${host}/`}${repository}${digest === undefined ? ":" : "@"}${version}`;
  if (!isTag(name))
    throw new UsageError(`the name ${name} is too long for a tag: pull it with --lazy under another one`);
  try {
    const pulled = await pullLazily(command, source, {
      ociDir,
      tag: name,
      ...signatureChoice(keyFile),
      ...platformChoice(command),
    });
    return { name, reference: pulled.digest };
  } catch (error) {
    const isAway = error instanceof RegistryError && ["unreachable", "limited", "failed"].includes(error.kind);
    const known = isAway ? knownImage(command, ociDir, name) : undefined;
    if (known === undefined) throw error;
    warning(`${(error as Error).message}: the image that had this name before is mounted`);
    return { name, reference: known };
  }
}

function knownImage(command: Command, ociDir: string, tag: string): string | undefined {
  if (!isNamed(join(ociDir, "oci-layout"))) return undefined;
  using layout = Layout.open(ociDir);
  return layout.tags().includes(tag) ? layout.manifest(tag, platformChoice(command)).digest : undefined;
}
