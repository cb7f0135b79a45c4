import { isHole, TRAIT_SELINUX, ZERO_BLOB_DIGEST } from "@puzzlefs/format";
import { CONFIG_LIMIT, CONFIG_TYPE, LayoutError, readConfig, type Layout, type PlatformChoice } from "@puzzlefs/oci";
import { visibleInodes, type ImageHeader, type ImageTree } from "@puzzlefs/reader";

import type { BuildOptions } from "./options.ts";

/**
 * The options of `build` that an image shows: its form, compression, labels of SELinux, configuration and platform. How content was
 * cut, and the level of compression, cannot be read from it. Throws LayoutError (refused) for a configuration that `build`
 * does not write.
 *
 * @param configured the caller has another configuration for the new image
 */
export function shownOptions(
  layout: Layout,
  tree: ImageTree,
  header: ImageHeader,
  reference: string,
  choice: PlatformChoice,
  configured: boolean,
): Partial<BuildOptions> {
  const platform = layout.platformOf(reference, choice);
  return {
    packed: header.packed !== undefined,
    ...(platform !== undefined && { platform }),
    ...(!configured && configurationOf(header)),
    ...contentOptions(tree),
  };
}

function contentOptions({ metadata, traits }: ImageTree): Pick<BuildOptions, "compress" | "selinux"> {
  const selinux = (traits & TRAIT_SELINUX) !== 0;
  for (const { mode } of visibleInodes(metadata)) {
    if (mode.kind !== "file") continue;
    for (const chunk of mode.file)
      if (chunk.blob.compressed && !isHole(chunk, ZERO_BLOB_DIGEST)) return { compress: true, selinux };
  }
  return { compress: false, selinux };
}

function configurationOf({ manifest, manifestDigest, blobs }: ImageHeader): Pick<BuildOptions, "config"> {
  const name = `manifest sha256:${manifestDigest}`;
  const config = readConfig(blobs, manifest, name);
  if (config === null) return {};
  const path = `config sha256:${config.digest}`;
  if (config.mediaType !== CONFIG_TYPE) {
    const problem = `${path} is of type ${JSON.stringify(config.mediaType)}, which is not written; --config names another`;
    throw new LayoutError("refused", name, problem);
  }
  return { config: { bytes: blobs.read(config.digest, CONFIG_LIMIT), path } };
}
