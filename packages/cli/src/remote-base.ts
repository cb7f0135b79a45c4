import { join } from "node:path";
import type { BuildOptions, BuildResult } from "@puzzlefs/builder";
import { isNamed } from "@puzzlefs/linux";
import { Layout } from "@puzzlefs/oci";
import type { Command } from "commander";
import { remoteName } from "./remote-name.ts";

/** The image in a registry that `build --base-layer` means; undefined: a tag of the layout, as all names are that are one there. */
export function remoteBaseName(base: string, ociDir: string): string | undefined {
  const name = remoteName(base);
  if (name === undefined || !isNamed(join(ociDir, "oci-layout"))) return name;
  using layout = Layout.open(ociDir);
  return layout.tags().includes(base) ? undefined : name;
}

/** Calls `make` with an image of a registry as the base. `command` has registryOptions(). */
export async function buildOnRemote(
  command: Command,
  name: string,
  check: () => void,
  make: (base: NonNullable<BuildOptions["base"]>) => Promise<BuildResult>,
): Promise<BuildResult> {
  // Loading them takes as long as a small build.
  const { openRegistries } = await import("./open-registries.ts");
  const { abortable, remoteBase } = await import("@puzzlefs/transport");
  using registries = openRegistries(command);
  const repository = registries.open(name, "pull");
  return await abortable(check, (signal) => make(remoteBase(repository, signal)));
}
