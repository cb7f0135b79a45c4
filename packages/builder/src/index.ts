export { build } from "./build.ts";
export { convert, type ConvertOptions, type ConvertProgress, type ConvertResult } from "./convert.ts";
export { canonicalize, type CanonicalizeOptions } from "./canonicalize.ts";
export { commit, type CommitOptions, type CommitResult } from "./commit.ts";
export { BuildError } from "./errors.ts";
export {
  exportArchive,
  exportLayer,
  type ExportLayerOptions,
  type ExportLayerResult,
  type ExportOptions,
  type ExportResult,
  type LayerCompression,
} from "./export.ts";
export { ImageSource } from "./image-source.ts";
export { type Omission, type Omissions } from "./omissions.ts";
export type { OverlayPrefix } from "./overlay-attributes.ts";
export { openIndex } from "./overlay-index.ts";
export { OverlaySource, type OverlayUpper } from "./overlay-source.ts";
export { parseMtime, type BuildOptions, type BuildResult, type MtimePolicy, type Progress } from "./options.ts";
export type { Removal } from "./packed/obsolete-files.ts";
export { packImage, type PackOptions, type PackResult, type RepackOptions } from "./packed/pack-image.ts";
export { unpackImage, type UnpackResult } from "./packed/unpack-image.ts";
export type { ContentSink, Source, SourceEntry, SourceXattr } from "./source.ts";
export { LayerError, type LayerFailure } from "./tar/layer-error.ts";
export { TreeSize } from "./tree-size.ts";
